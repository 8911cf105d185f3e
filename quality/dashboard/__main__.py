"""`python -m quality.dashboard`: serves the dashboard by itself."""

import uvicorn

from buddies_core.settings import get_settings
from quality.dashboard.app import create_app
from quality.dashboard.settings import DashboardSettings


def main() -> None:
    """Serve until stopped."""
    dashboard = DashboardSettings()
    app = create_app(get_settings(), dashboard)
    uvicorn.run(app, host=dashboard.dashboard_host, port=dashboard.dashboard_port, log_level="warning")


if __name__ == "__main__":
    main()

"""`python -m quality.dashboard`: serves the dashboard by itself."""

import sys

import uvicorn

from buddies_core.environment import InvalidSettingError
from buddies_core.settings import get_settings
from quality.dashboard.app import create_app
from quality.dashboard.settings import DashboardSettings


def main() -> None:
    """Serve until stopped."""
    try:
        dashboard, settings = DashboardSettings(), get_settings()
    except InvalidSettingError as error:
        sys.exit(f"error: {error}")
    app = create_app(settings, dashboard)
    uvicorn.run(app, host=dashboard.dashboard_host, port=dashboard.dashboard_port, log_level="warning")


if __name__ == "__main__":
    main()

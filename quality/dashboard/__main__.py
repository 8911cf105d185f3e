"""`python -m quality.dashboard`: serves the dashboard by itself."""

import sys

import uvicorn

from buddies_core.environment import InvalidSettingError
from buddies_core.errors import BuddiesError
from buddies_core.http.connections import PatientProtocol
from buddies_core.http.gate import Gate
from buddies_core.http.hosts import AllowedHosts, is_loopback, names_in
from buddies_core.settings import get_settings
from quality.dashboard.app import create_app
from quality.dashboard.settings import DashboardSettings


class UnsafeBindError(BuddiesError, RuntimeError):
    """The dashboard, which asks nobody for a password, was to listen beyond this machine."""


def allowed_hosts(dashboard: DashboardSettings) -> AllowedHosts:
    """The names that the dashboard answers to.

    Raises UnsafeBindError where it would be open to all who reach its address: whoever listens beyond loopback has a
    proxy before it that asks for a password, and names the hosts under which that proxy calls.
    """
    names = names_in(dashboard.allowed_hosts)
    if names is None and not is_loopback(dashboard.dashboard_host):
        raise UnsafeBindError(
            f"BUDDIES_DASHBOARD_HOST={dashboard.dashboard_host} is reachable by others, and the dashboard asks nobody "
            "for a password. Put a proxy that does before it and name its hosts in BUDDIES_ALLOWED_HOSTS, or listen on "
            "127.0.0.1."
        )
    return AllowedHosts(names or [])


def main() -> None:
    """Serve until stopped."""
    try:
        dashboard, settings = DashboardSettings(), get_settings()
        hosts = allowed_hosts(dashboard)
    except (InvalidSettingError, UnsafeBindError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from error
    app = Gate(create_app(settings, dashboard), hosts)  # type: ignore[arg-type]
    where = {"host": dashboard.dashboard_host, "port": dashboard.dashboard_port}
    uvicorn.run(app, **where, http=PatientProtocol, proxy_headers=False, log_level="warning")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

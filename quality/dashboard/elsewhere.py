"""The other user interfaces that every page links to."""

from buddies_core.settings import Settings
from quality.dashboard.settings import DashboardSettings


def links(settings: Settings, dashboard: DashboardSettings) -> list[tuple[str, str]]:
    """Name and address of each: what is unset is where `buddies up` starts it, and Grafana is nowhere."""
    service = (dashboard.link_service or f"http://127.0.0.1:{settings.port}").rstrip("/")
    tracked = settings.mlflow_tracking_uri or ""
    served = tracked if tracked.startswith("http") else settings.mlflow_address
    mlflow = dashboard.link_mlflow or served
    found = [
        ("Dagster", dashboard.dagster_url),
        ("Listener page", f"{service}/"),
        ("API", f"{service}/docs"),
        ("MLflow", mlflow if settings.track else None),
        ("Grafana", dashboard.link_grafana),
    ]
    return [(name, address) for name, address in found if address]

"""Settings of the dashboard, each a variable `BUDDIES_<NAME>`."""

from pydantic import Field

from buddies_core.environment import EnvironmentSettings

HTTP = r"^https?://"


class DashboardSettings(EnvironmentSettings):
    """Where the dashboard listens, what it links to, and how often it looks for news."""

    dashboard_host: str = Field("127.0.0.1", description="Address that the dashboard listens on.")
    allowed_hosts: str | None = Field(
        None, description="Names by which service and dashboard may be called, with commas between."
    )
    dashboard_port: int = Field(8001, ge=0, le=65535, description="Port of the dashboard; 0: any free one.")
    dagster_url: str = Field("http://127.0.0.1:3000", description="Dagster's UI, for the links to runs and assets.")
    link_service: str | None = Field(
        None, pattern=HTTP, description="The service, for a link; unset: 127.0.0.1 at BUDDIES_PORT."
    )
    link_mlflow: str | None = Field(
        None,
        pattern=HTTP,
        description="MLflow's UI, for a link; unset: where trainings are tracked, or BUDDIES_MLFLOW_PORT.",
    )
    link_grafana: str | None = Field(None, pattern=HTTP, description="Grafana, for a link; unset: none is shown.")
    refresh_seconds: float = Field(20.0, gt=0, description="Seconds between looks for new events and feedback.")
    volume_floor: int = Field(0, ge=0, description="Sessions a day below which the volume is low; 0: a third of usual.")
    read_event_log: bool = Field(True, description="Copy news of Dagster's event log when DAGSTER_HOME is set.")

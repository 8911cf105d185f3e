"""Dagster's own storage in this project's PostgreSQL, wherever that runs.

dagster.yaml names this class, so that a bare `dagster dev`, `buddies up` and tests share one file with no variables
in it. SQLAlchemy 2.1 reads `postgresql://` as psycopg 3, which dagster-postgres does not use: the URL names psycopg2.
"""

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine

from buddies_core.postgres.connecting import speak_utc
from buddies_core.postgres.database import database_url
from buddies_core.postgres.urls import sqlalchemy_url
from buddies_core.settings import Settings

KEPT = 2
"""Connections that each of the three storages keeps open between queries where a process keeps any."""
MOST = 20
"""Connections beyond these that may be open at once."""


class BuddiesPostgresStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` at the URL of the settings; a clear error when no server runs."""

    keeps_connections = False
    """Set in a process that asks all day: dagster-postgres opens a connection for each query otherwise."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No configuration: the settings say where the database is."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BuddiesPostgresStorage":
        """Connect to the database of the current settings, read anew since the server may have moved."""
        url = database_url(Settings())
        speak_utc()
        made = cls(inst_data=inst_data, postgres_url=sqlalchemy_url(url))
        if cls.keeps_connections:
            made._keep_connections()
        return made

    def _keep_connections(self) -> None:
        """Queries go over connections that stay open; one that died, as at a restart of the database, is replaced."""
        for storage in (self.run_storage, self.event_log_storage, self.schedule_storage):
            # 2026-11-28: dagster-postgres 0.29 has pools for the web server alone, which do not look whether a
            # connection still lives; drop this when a storage can be configured with a pool
            engine = create_pg_engine(
                storage.postgres_url,  # type: ignore[union-attr]
                isolation_level="AUTOCOMMIT",
                pool_size=KEPT,
                max_overflow=MOST,
                pool_pre_ping=True,
            )
            storage._engine = engine  # type: ignore[union-attr]

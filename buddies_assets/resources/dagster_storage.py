"""Dagster's own storage in this project's PostgreSQL, wherever that runs.

dagster.yaml names this class, so that a bare `dagster dev`, `buddies up` and tests share one file with no variables
in it. SQLAlchemy 2.1 reads `postgresql://` as psycopg 3, which dagster-postgres does not use: the URL names psycopg2.
"""

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from buddies_core.postgres.connecting import speak_utc
from buddies_core.postgres.embedded import database_url
from buddies_core.postgres.urls import sqlalchemy_url
from buddies_core.settings import Settings


class BuddiesPostgresStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` at the URL of the settings; a clear error when no server runs."""

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
        return cls(inst_data=inst_data, postgres_url=sqlalchemy_url(url))

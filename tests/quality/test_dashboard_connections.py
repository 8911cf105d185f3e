"""The dashboard's connections to PostgreSQL: those that a restart of the server ended are replaced unseen."""

import contextlib

import psycopg2

from buddies_core.settings import Settings
from quality.dashboard.settings import DashboardSettings
from quality.dashboard.sources import CONNECTIONS, Sources


def test_connections_that_a_restart_of_the_database_ended_cost_no_page(postgres_url, tmp_path):
    sources = Sources(Settings(home=str(tmp_path), postgres_url=postgres_url), DashboardSettings())
    with sources.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
    other = psycopg2.connect(postgres_url)
    with other, other.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone() == (CONNECTIONS,)
    other.close()
    with contextlib.ExitStack() as held:
        for _ in range(CONNECTIONS):
            with held.enter_context(sources.connection()).cursor() as cursor:
                cursor.execute("SELECT 1")
                assert cursor.fetchone() == (1,)
    sources.close()

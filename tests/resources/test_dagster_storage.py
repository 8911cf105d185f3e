"""Dagster's storage in our PostgreSQL: where a process keeps connections, queries share them, and dead ones go."""

import psycopg2
import pytest
from dagster._core.storage.dagster_run import RunsFilter
from sqlalchemy import event

from buddies_assets.resources.dagster_storage import BuddiesPostgresStorage

QUERIES = 5


@pytest.mark.parametrize(("keeps", "connections"), [(False, QUERIES), (True, 1)])
def test_a_process_that_keeps_connections_asks_over_one(keeps, connections, postgres_url, monkeypatch):
    monkeypatch.setenv("BUDDIES_POSTGRES_URL", postgres_url)
    monkeypatch.setattr(BuddiesPostgresStorage, "keeps_connections", keeps)
    runs = BuddiesPostgresStorage.from_config_value(None, {}).run_storage
    opened = []
    event.listen(runs._engine, "connect", lambda connection, _: opened.append(connection))
    for _ in range(QUERIES):
        assert runs.get_runs_count(RunsFilter()) == 0
    assert len(opened) == connections


def test_a_connection_that_the_server_closed_is_replaced(postgres_url, monkeypatch):
    monkeypatch.setenv("BUDDIES_POSTGRES_URL", postgres_url)
    monkeypatch.setattr(BuddiesPostgresStorage, "keeps_connections", True)
    storage = BuddiesPostgresStorage.from_config_value(None, {})
    asked = (
        storage.run_storage.get_daemon_heartbeats,
        storage.schedule_storage.all_instigator_state,
        storage.event_log_storage.get_maximum_record_id,
    )
    before = [ask() for ask in asked]
    with psycopg2.connect(postgres_url) as other, other.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= len(asked)
    other.close()
    assert [ask() for ask in asked] == before

"""What runs by itself in Dagster: signs of life of its daemons, and the last tick of every sensor and schedule.

Where these stand still nothing is made, nothing is checked and nobody is told; no run and no check says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType, TickStatus

from buddies_core.postgres.schema import rows
from quality.history.runs import root_error

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

EVERY = timedelta(seconds=45)
"""Least time between two readings: each sensor is a query."""
ENDED = {TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE}
_KINDS = {InstigatorType.SENSOR: "sensor", InstigatorType.SCHEDULE: "schedule"}
_RUNNING: set[InstigatorStatus] = {status for status in InstigatorStatus if status is not InstigatorStatus.STOPPED}
_WRITE = """
    INSERT INTO quality.automation AS held (name, kind, seen_at, error, failing_since) VALUES %s
    ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, seen_at = excluded.seen_at, error = excluded.error,
        failing_since = CASE WHEN excluded.error IS NULL THEN NULL
                             ELSE coalesce(held.failing_since, excluded.failing_since) END,
        read_at = now()
"""


@dataclass(frozen=True)
class Automaton:
    """A daemon, sensor or schedule: when it last showed that it runs, and the error that it fails with."""

    name: str
    kind: str
    seen_at: datetime
    error: str | None
    failing_since: datetime | None


def automata(connection: "Connection") -> list[Automaton]:
    """All that were running at the last reading."""
    found = rows(connection, "SELECT name, kind, seen_at, error, failing_since FROM quality.automation ORDER BY name")
    return [Automaton(**row) for row in found]


def sync_automation(instance: dg.DagsterInstance, connection: "Connection") -> int:
    """Bring it up to date, unless that was done just now; returns how many were read. What was switched off goes."""
    from psycopg2.extras import execute_values

    last = rows(connection, "SELECT now() - max(read_at) AS age FROM quality.automation")[0]["age"]
    if last is not None and last < EVERY:
        return 0
    found = [*_daemons(instance), *_instigators(instance)]
    with connection, connection.cursor() as cursor:
        if found:
            execute_values(cursor, _WRITE, found)
        cursor.execute("DELETE FROM quality.automation WHERE NOT name = ANY (%s)", ([name for name, *_ in found],))
    return len(found)


def _daemons(instance: dg.DagsterInstance) -> Iterator[tuple[Any, ...]]:
    for kind, beat in instance.get_daemon_heartbeats().items():
        at = datetime.fromtimestamp(beat.timestamp, UTC)
        error = root_error(beat.errors[0]) if beat.errors else None
        yield kind.lower(), "daemon", at, error, at if error else None


def _instigators(instance: dg.DagsterInstance) -> Iterator[tuple[Any, ...]]:
    if instance.schedule_storage is None:  # an instance in memory alone has no sensors
        return
    for state in instance.all_instigator_state(instigator_statuses=_RUNNING):
        if state.instigator_type not in _KINDS:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1, statuses=list(ENDED))
        for tick in ticks:
            at = datetime.fromtimestamp(tick.timestamp, UTC)
            error = root_error(tick.error) if tick.status == TickStatus.FAILURE else None
            yield state.name, _KINDS[state.instigator_type], at, error, at if error else None

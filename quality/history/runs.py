"""What runs meant to do and how they ended, copied from Dagster: the only trace of work that never happened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import DagsterEventType, EventLogRecord

from buddies_core import json_text
from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

PLANS = (DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
WATCHED = "WatchedRunLauncher"
FAILURES = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
DELETED = "DELETED"
"""Status of a run that was in flight when last seen, and that Dagster has no more."""
RUNS_AT_ONCE = 200
OVERLAP = timedelta(minutes=2)
"""Runs are read again from a little before the newest change: clocks of processes differ."""
LONGEST_ERROR = 400

_PLANS = """
    INSERT INTO quality.plans AS held (asset, check_name, partition, run_id, step_key, at, storage_id) VALUES %s
    ON CONFLICT (asset, check_name, partition) DO UPDATE SET
        run_id = excluded.run_id, step_key = excluded.step_key, at = excluded.at, storage_id = excluded.storage_id
    WHERE excluded.storage_id >= held.storage_id
"""
_ASSETS = """
    INSERT INTO quality.runs AS held (run_id, job, status, created_at, changed_at, assets) VALUES %s
    ON CONFLICT (run_id) DO UPDATE SET
        assets = ARRAY(SELECT DISTINCT unnest(held.assets || excluded.assets) ORDER BY 1)
"""
_RUNS = """
    INSERT INTO quality.runs (run_id, job, status, created_at, ended_at, changed_at, error, steps) VALUES %s
    ON CONFLICT (run_id) DO UPDATE SET job = excluded.job, status = excluded.status, created_at = excluded.created_at,
        ended_at = excluded.ended_at, changed_at = excluded.changed_at, error = excluded.error, steps = excluded.steps
"""


_UNSUCCESSFUL = """
    SELECT run_id, job, status, created_at, ended_at, error, assets FROM quality.runs
    WHERE status IN ('FAILURE', 'CANCELED', 'DELETED') AND created_at >= %(since)s AND created_at < %(until)s
    ORDER BY created_at DESC LIMIT 200
"""


@dataclass(frozen=True)
class EndedRun:
    """A run with its outcome; `assets` are those that it was to make or to check."""

    run_id: str
    job: str
    status: str
    created_at: datetime
    ended_at: datetime | None
    error: str | None
    assets: list[str]


def unsuccessful(connection: "Connection", since: datetime, until: datetime) -> list[EndedRun]:
    """Runs begun in [since, until) that failed, were cancelled or vanished; newest first, at most 200."""
    return [EndedRun(**row) for row in rows(connection, _UNSUCCESSFUL, {"since": since, "until": until})]


_BEGUN = """
    SELECT run_id, job, status, created_at, ended_at, error, assets FROM quality.runs
    WHERE job <> '' AND created_at >= %(since)s AND created_at < %(until)s ORDER BY created_at DESC LIMIT 500
"""
_ONE = "SELECT run_id, job, status, created_at, ended_at, error, assets FROM quality.runs WHERE run_id = %(run)s"
_VERDICTS = """
    SELECT asset, check_name AS "check", offending, value, at AS "when",
           CASE WHEN passed THEN 'pass' WHEN severity = 'error' THEN 'fail' ELSE 'warn' END AS state
    FROM quality.evaluations WHERE run_id = %(run)s ORDER BY passed, severity, asset, check_name LIMIT 1000
"""
_MATERIALISED = "SELECT asset, row_count AS rows, at FROM quality.materialisations WHERE run_id = %(run)s ORDER BY at"


def begun(connection: "Connection", since: datetime, until: datetime) -> list[EndedRun]:
    """Runs of jobs that began in [since, until), the newest first, at most 500."""
    return [EndedRun(**row) for row in rows(connection, _BEGUN, {"since": since, "until": until})]


def one(connection: "Connection", run_id: str) -> EndedRun | None:
    """One run; None where the history does not know it."""
    return next((EndedRun(**row) for row in rows(connection, _ONE, {"run": run_id})), None)


def verdicts(connection: "Connection", run_id: str) -> list[dict[str, Any]]:
    """What the checks of a run said, failures first."""
    return rows(connection, _VERDICTS, {"run": run_id})


def materialised(connection: "Connection", run_id: str) -> list[dict[str, Any]]:
    """What a run made, in order."""
    return rows(connection, _MATERIALISED, {"run": run_id})


_IN_FLIGHT = """
    SELECT run_id, job, status, created_at FROM quality.runs WHERE ended_at IS NULL AND job <> '' ORDER BY created_at
"""


@dataclass(frozen=True)
class OpenRun:
    """A run that has not ended."""

    run_id: str
    job: str
    status: str
    created_at: datetime


def in_flight(connection: "Connection") -> list[OpenRun]:
    """Runs that have not ended, the oldest first."""
    return [OpenRun(**row) for row in rows(connection, _IN_FLIGHT)]


def write_plans(connection: "Connection", records: Sequence[EventLogRecord]) -> None:
    """Note what runs are to make and to check; the newest plan of each stays."""
    from psycopg2.extras import execute_values

    plans: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    assets: dict[str, set[str]] = {}
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        planned: Any = event.event_specific_data
        run_id, at = record.event_log_entry.run_id, datetime.fromtimestamp(record.event_log_entry.timestamp, UTC)
        asset = planned.asset_key.to_user_string()
        key = (asset, getattr(planned, "check_name", ""), getattr(planned, "partition", None) or "")
        plans[key] = (*key, run_id, event.step_key or "", at, record.storage_id)
        assets.setdefault(run_id, set()).add(asset)
    if not plans:
        return
    seen = datetime.fromtimestamp(records[0].event_log_entry.timestamp, UTC)
    known = [(run_id, "", "NOT_STARTED", seen, seen, sorted(names)) for run_id, names in sorted(assets.items())]
    with connection, connection.cursor() as cursor:
        execute_values(cursor, _PLANS, list(plans.values()), page_size=500)
        execute_values(cursor, _ASSETS, known, page_size=500)


def sync_runs(instance: dg.DagsterInstance, connection: "Connection") -> int:
    """Bring the state of every run up to date; returns how many were read.

    Runs that changed since the last time, and those that were in flight then.
    """
    newest = rows(connection, "SELECT max(changed_at) FILTER (WHERE job <> '') AS at FROM quality.runs")[0]["at"]
    since = newest - OVERLAP if newest else None
    open_runs = [r["run_id"] for r in rows(connection, "SELECT run_id FROM quality.runs WHERE ended_at IS NULL")]
    found: dict[str, dg.RunRecord] = {}
    for records in _changed(instance, since):
        found |= {record.dagster_run.run_id: record for record in records}
    missing = [run_id for run_id in open_runs if run_id not in found]
    for first in range(0, len(missing), RUNS_AT_ONCE):
        wanted = dg.RunsFilter(run_ids=missing[first : first + RUNS_AT_ONCE])
        found |= {record.dagster_run.run_id: record for record in instance.get_run_records(wanted)}
    _write(connection, [_row(instance, record) for record in found.values()])
    _mark_deleted(connection, [run_id for run_id in missing if run_id not in found])
    return len(found)


def _changed(instance: dg.DagsterInstance, since: datetime | None) -> Iterable[Sequence[dg.RunRecord]]:
    """Runs that changed after a time, in pages; the newest created come first."""
    cursor: str | None = None
    while True:
        wanted = dg.RunsFilter(updated_after=since)
        records = instance.get_run_records(wanted, limit=RUNS_AT_ONCE, cursor=cursor)
        if not records:
            return
        yield records
        cursor = records[-1].dagster_run.run_id


def _row(instance: dg.DagsterInstance, record: dg.RunRecord) -> tuple[Any, ...]:
    run = record.dagster_run
    if (gone := _gone(instance, run)) is not None:
        now = datetime.now(UTC)
        return run.run_id, run.job_name, "FAILURE", record.create_timestamp.astimezone(UTC), now, now, gone, "{}"
    changed, created = record.update_timestamp.astimezone(UTC), record.create_timestamp.astimezone(UTC)
    ended = run.status in ENDED
    ended_at = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else changed if ended else None
    steps, error = _failures(instance, run.run_id) if run.status == dg.DagsterRunStatus.FAILURE else ({}, None)
    return (run.run_id, run.job_name, run.status.value, created, ended_at if ended else None, changed, error,
            json_text.dumps(steps))  # fmt: skip


def _gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Why a run that has not ended never will: its process is gone, and no daemon has said so yet; else None.

    Only this project's launcher can tell, and only of runs that this host began. Another one is not even made: that of
    a cluster asks for rights that the pod of a run, which writes the history too, does not have.
    """
    named = None if instance.is_ephemeral else instance.get_ref().run_launcher_data
    if run.status != dg.DagsterRunStatus.STARTED or named is None or named.class_name != WATCHED:
        return None
    found = instance.run_launcher.check_run_worker_health(run)
    if found.status.value != "NOT_FOUND":
        return None
    return f"it was ended from outside: {found.msg or 'its process is gone'}"


def _failures(instance: dg.DagsterInstance, run_id: str) -> tuple[dict[str, str], str | None]:
    """The error of each step that failed, and that of the run itself where no step did."""
    steps, error = {}, None
    for entry in instance.all_logs(run_id, of_type=FAILURES):
        event = entry.dagster_event
        if event is None:
            continue
        told: Any = event.event_specific_data
        if event.event_type == DagsterEventType.STEP_FAILURE:
            steps[event.step_key or ""] = root_error(told.error)
        else:
            error = root_error(told.error) if told is not None and told.error is not None else event.message
    return steps, next(iter(steps.values()), (error or "failed without saying why")[:LONGEST_ERROR])


def root_error(error: Any) -> str:
    """The innermost cause of a serialised error, on one line."""
    if error is None:
        return "failed without saying why"
    while error.cause is not None:
        error = error.cause
    return " ".join(error.message.split())[:LONGEST_ERROR]


def _write(connection: "Connection", found: list[tuple[Any, ...]]) -> None:
    from psycopg2.extras import execute_values

    if found:
        with connection, connection.cursor() as cursor:
            execute_values(cursor, _RUNS, found, page_size=500)


def _mark_deleted(connection: "Connection", run_ids: list[str]) -> None:
    if run_ids:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE quality.runs SET status = %s, ended_at = now(), error = %s WHERE run_id = ANY(%s)",
                (DELETED, "the run was deleted from Dagster before it ended", run_ids),
            )

"""Copies what is new in Dagster's event log into the history, from a cursor on, and the state of its runs.

The ids of the log are given before a transaction commits, so an event may appear below the cursor later: each reading
begins a little before it, and an event that is there already is passed over.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import DagsterEventType, EventLogRecord, EventRecordsFilter

from buddies_core.json_text import finite
from buddies_core.postgres.schema import rows
from quality.check_metadata import CheckFigures
from quality.history.automation import sync_automation
from quality.history.database import SCHEMA
from quality.history.records import Evaluation, Materialisation, Retraining
from quality.history.runs import PLANS, sync_runs, write_plans
from quality.history.writer import write_evaluations, write_materialisations, write_retrainings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OVERLAP = 200
BATCH = 500
MODEL_ASSET = "bpr_checkpoint"


def sync(instance: dg.DagsterInstance, connection: "Connection") -> dict[str, int]:
    """Brings the history up to the end of the log; returns how many events of each kind were read."""
    SCHEMA.migrate(connection)
    counts = {"plans": 0, "evaluations": 0, "materialisations": 0, "runs": 0}
    # Plans first: what they promise may be kept while this reads, and must not look broken.
    for kind in PLANS:
        for records in _new(instance, connection, kind):
            write_plans(connection, records)
            counts["plans"] += len(records)
    counts["runs"] = sync_runs(instance, connection)
    sync_automation(instance, connection)
    for records in _new(instance, connection, DagsterEventType.ASSET_CHECK_EVALUATION):
        found = [evaluation for record in records if (evaluation := _evaluation(record)) is not None]
        write_evaluations(connection, found)
        counts["evaluations"] += len(found)
    for records in _new(instance, connection, DagsterEventType.ASSET_MATERIALIZATION):
        made = [materialisation for record in records if (materialisation := _materialisation(record)) is not None]
        write_materialisations(connection, made)
        write_retrainings(connection, [_retraining(m) for m in made if _is_version(m)])
        counts["materialisations"] += len(made)
    return counts


def _new(
    instance: dg.DagsterInstance, connection: "Connection", kind: DagsterEventType
) -> Iterator[list[EventLogRecord]]:
    name = f"dagster:{kind.value}"
    held = rows(connection, "SELECT position FROM quality.cursors WHERE name = %(name)s", {"name": name})
    position = held[0]["position"] if held else 0
    after = max(0, position - OVERLAP)
    while True:
        wanted = EventRecordsFilter(kind, after_cursor=after)
        records = list(instance.event_log_storage.get_event_records(wanted, limit=BATCH, ascending=True))
        if not records:
            return
        yield records
        after = records[-1].storage_id
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO quality.cursors (name, position) VALUES (%s, %s) ON CONFLICT (name)"
                " DO UPDATE SET position = greatest(quality.cursors.position, excluded.position)",
                (name, after),
            )


def _at(record: EventLogRecord) -> datetime:
    return datetime.fromtimestamp(record.event_log_entry.timestamp, UTC)


def _evaluation(record: EventLogRecord) -> Evaluation | None:
    event = record.event_log_entry.dagster_event
    if event is None:
        return None
    said: Any = event.event_specific_data
    figures = CheckFigures.read(said.metadata)
    return Evaluation(
        at=_at(record),
        asset=said.asset_key.to_user_string(),
        check_name=said.check_name,
        run_id=record.event_log_entry.run_id,
        severity=str(said.severity.value).lower(),
        passed=bool(said.passed),
        value=figures.value,
        low=figures.low,
        high=figures.high,
        offending=figures.offending,
        total=figures.total,
        sample=list(map(dict, figures.sample)) if figures.sample is not None else None,
        partition=getattr(said, "partition", None),
        storage_id=record.storage_id,
        rule=said.description or "",
        blocking=bool(getattr(said, "blocking", False)),
    )


def _materialisation(record: EventLogRecord) -> Materialisation | None:
    event = record.event_log_entry.dagster_event
    made = record.event_log_entry.asset_materialization
    if event is None or made is None:
        return None
    facts = {name: _plain(entry) for name, entry in made.metadata.items()}
    return Materialisation(
        at=_at(record),
        asset=made.asset_key.to_user_string(),
        run_id=record.event_log_entry.run_id,
        partition=made.partition,
        row_count=_whole(facts.pop("dagster/row_count", None)),
        bytes=_whole(facts.get("bytes")),
        fingerprint=facts.get("fingerprint") if isinstance(facts.get("fingerprint"), str) else None,
        metadata={name: value for name, value in facts.items() if value is not None},
        storage_id=record.storage_id,
    )


def _is_version(made: Materialisation) -> bool:
    return made.asset == MODEL_ASSET and bool(made.metadata.get("version"))


def _retraining(made: Materialisation) -> Retraining:
    facts = made.metadata
    metrics = {n: float(v) for n, v in facts.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    epochs, configuration = facts.get("epochs"), facts.get("configuration")
    return Retraining(
        version=str(facts["version"]),
        at=made.at,
        run_id=made.run_id,
        metrics=metrics,
        epochs=epochs if isinstance(epochs, list) else [],
        configuration=configuration if isinstance(configuration, dict) else {},
    )


def _plain(entry: Any) -> Any:
    """The value of a metadata entry that JSON and a table of figures can hold; images and long texts are left out.

    So are columns' origins, which the graph tells of: Dagster's record of them is a tuple that cannot be gone through.
    """
    if isinstance(entry, dg.TableColumnLineageMetadataValue):
        return None
    if isinstance(entry, dg.TableMetadataValue):
        return [dict(row.data) for row in entry.records]
    value = finite(getattr(entry, "value", None))
    if isinstance(value, str):
        return value if len(value) <= 500 else None
    return value if isinstance(value, (bool, int, float, dict, list)) else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(finite(value), (int, float)) else None

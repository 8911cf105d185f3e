"""`buddies status` and `buddies checks`: the health of the dashboard and the alerts, on a terminal or as JSON."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from buddies_assets.cli.console import styled
from buddies_core import json_text
from buddies_core.errors import BuddiesError
from buddies_core.postgres.connecting import connect
from buddies_core.postgres.database import feedback_database, running_database
from buddies_core.settings import Settings
from quality.file_rules import owners_of_rules
from quality.health import UNMADE, CheckHealth, Report, State
from quality.history.incidents import Record, acknowledge, assign, mute, note, open_records, reconcile
from quality.history.runs import OpenRun, in_flight
from quality.incidents import Incident, open_incidents
from quality.owners import parse_owners
from quality.suite_files import suite_files

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

COLOURS = {"ok": "green", "unknown": "dim", "warn": "yellow", "fail": "bold red"}


class UnknownAssetError(BuddiesError):
    """`buddies checks` was asked for an asset that nothing knows."""


@dataclass(frozen=True)
class Status:
    """What `buddies status` says: health, incidents, what is served, and which runs are under way.

    `records` has what people did with the open incidents, by subject.
    """

    report: Report
    incidents: list[Incident]
    served: dict[str, Any]
    runs: list[OpenRun]
    records: dict[str, Record]

    @property
    def exit_code(self) -> int:
        """1 while an incident is open, so that a script can ask."""
        return 1 if self.incidents else 0


def read_status(settings: Settings) -> Status:
    """The status by Dagster's log and the stored files as they are now."""
    from buddies_core.storage.datasets import DatasetStore
    from quality.reporting import read_report

    with _history(settings) as connection:
        now = datetime.now(UTC)
        report = read_report(connection, DatasetStore.at(settings.home), now)
        found = open_incidents(report)
        reconcile(connection, found, now, owners_of_rules() | parse_owners(settings.owners))
        records = {record.subject: record for record in open_records(connection)}
        runs = in_flight(connection)
    current = settings.local_home / "served_model" / "current.json"
    served = json.loads(current.read_text(encoding="utf-8")) if current.exists() else {}
    return Status(report, found, served, runs, records)


@contextlib.contextmanager
def _history(settings: Settings) -> Iterator["Connection"]:
    """A connection to the history, brought up to date; the embedded database runs for as long as it is needed."""
    from quality.history.database import SCHEMA
    from quality.history.sync import sync

    if feedback_database_is_absent(settings):
        raise BuddiesError(f"Nothing was ever run in {settings.home}: run `buddies run` or `buddies up` first.")
    with running_database(settings) as url, closing(connect(url)) as connection:
        SCHEMA.migrate(connection)
        home = settings.local_home / "dagster"
        if (home / "dagster.yaml").exists():
            import dagster as dg

            os.environ |= {"DAGSTER_HOME": str(home), "BUDDIES_POSTGRES_URL": url}
            with dg.DagsterInstance.get() as instance:
                sync(instance, connection)
        yield connection


def feedback_database_is_absent(settings: Settings) -> bool:
    """Whether no database was ever named or started."""
    from buddies_core.postgres.errors import DatabaseError

    try:
        return feedback_database(settings) is None
    except DatabaseError:
        return False  # there is one, which does not run just now


def print_status(console: Console, status: Status, *, as_json: bool) -> int:
    """Print the status; the exit code."""
    if as_json:
        console.print_json(json_text.dumps(status_json(status), default=str))
        return status.exit_code
    assets = status.report.assets
    known = {name: health for name, health in assets.items() if health.state not in UNMADE}
    healthy = sum(health.state is State.OK for health in known.values())
    console.print(
        f"{healthy} of {len(known)} assets healthy; {_counts(status.report)}" if known else "Nothing is made yet."
    )
    for incident in status.incidents:
        record = status.records[incident.subject]
        told = f" {record.id} {incident.subject}: {incident.line} ({_taken(record)})"
        console.print(styled(("incident", "bold red"), told), soft_wrap=True)
    table = Table("asset", "health", "why")
    for name, health in sorted(known.items(), key=lambda item: (-item[1].state.rank, item[0])):
        if health.state is not State.OK:
            table.add_row(name, styled((health.state.label, COLOURS[health.state.tone])), health.reason)
    if table.row_count:
        console.print(table)
    for file in suite_files():
        if file.trouble:
            console.print(styled(("no suite", "bold red"), f" {file.trouble}"), soft_wrap=True)
    console.print(_served(status.served), highlight=False)
    for run in status.runs:
        console.print(f"under way: {run.job} ({run.status.lower()}, run {run.run_id[:8]})", highlight=False)
    return status.exit_code


def _taken(record: Record) -> str:
    muted = f", muted until {record.muted_until:%d %b %H:%M} UTC" if record.muted(datetime.now(UTC)) else ""
    return f"owner {record.owner}, taken by {record.acknowledged_by or 'nobody yet'}{muted}"


def _counts(report: Report) -> str:
    counts = Counter(check.label for check in report.checks)
    return ", ".join(f"{number} checks {label}" for label, number in counts.most_common()) or "no check has run"


def _served(served: dict[str, Any]) -> str:
    if not served.get("champion"):
        return "served: nothing"
    challenger = served.get("challenger")
    trial = f", challenger {challenger['version']} with {challenger['share']:.0%} of listeners" if challenger else ""
    return f"served: {served['champion']}{trial}"


def status_json(status: Status) -> dict[str, Any]:
    """The status as plain values."""
    return {
        "healthy": not status.incidents,
        "incidents": [
            {"subject": i.subject, "asset": i.asset, "text": i.text, "run_id": i.run_id, "held_back": list(i.held_back)}
            | _record_json(status.records[i.subject])
            for i in status.incidents
        ],
        "assets": {
            name: {"health": health.state.label, "reasons": list(health.reasons), "run_id": health.run_id}
            for name, health in status.report.assets.items()
        },
        "checks": dict(Counter(check.label for check in status.report.checks)),
        "suites_refused": [file.trouble for file in suite_files() if file.trouble],
        "served": status.served,
        "runs": [{"run_id": r.run_id, "job": r.job, "status": r.status, "since": r.created_at} for r in status.runs],
    }


def _record_json(record: Record) -> dict[str, Any]:
    return {
        "incident": record.id,
        "owner": record.owner,
        "opened_at": record.opened_at,
        "since": record.since,
        "since_run_id": record.run_id,
        "checks": record.checks,
        "fails_downstream": record.also,
        "acknowledged_by": record.acknowledged_by,
        "acknowledged_at": record.acknowledged_at,
        "muted_until": record.muted_until,
    }


@dataclass(frozen=True)
class Step:
    """What somebody does with an incident; what is None is not done."""

    acknowledge: bool = False
    assign: str | None = None
    mute_hours: float | None = None
    note: str | None = None


def change_incident(settings: Settings, number: int, by: str, step: Step) -> None:
    """Acknowledge, assign, mute and note an incident.

    Raises:
        NoSuchIncidentError: there is none of that number, or it is over.
        IncidentInputError: what is given cannot be taken.
    """
    now = datetime.now(UTC)
    with _history(settings) as connection:
        if step.acknowledge:
            acknowledge(connection, number, by, now)
        if step.assign is not None:
            assign(connection, number, step.assign, by, now)
        if step.mute_hours is not None:
            mute(connection, number, now + timedelta(hours=step.mute_hours) if step.mute_hours else None, by, now)
        if step.note is not None:
            note(connection, number, step.note, by, now)


def print_checks(console: Console, report: Report, asset: str | None, *, as_json: bool) -> int:
    """Print where the checks stand, of one asset or of all; the exit code is 1 where one fails or said nothing.

    Raises:
        UnknownAssetError: nothing knows an asset of that name.
    """
    if asset is not None and asset not in report.assets:
        raise UnknownAssetError(f"No asset is named {asset!r}. There are: {', '.join(sorted(report.assets))}.")
    found = [check for check in report.checks if asset is None or check.asset == asset]
    if as_json:
        console.print_json(json_text.dumps([_check_json(check) for check in found], default=str))
    else:
        table = Table("check", "asset", "status", "offending", "why")
        for check in found:
            state = styled((check.label, COLOURS[check.state.tone]))
            table.add_row(check.name, check.asset, state, f"{check.standing.offending or 0:,}", check.reason)
        console.print(table if found else "No check has run yet: run `buddies run`, or `quality_job` in Dagster.")
    return 1 if any(check.state.tone == "fail" for check in found) else 0


def _check_json(check: CheckHealth) -> dict[str, Any]:
    standing = check.standing
    return {
        "asset": check.asset,
        "check": check.name,
        "status": check.label,
        "reason": check.reason,
        "severity": standing.severity,
        "blocking": standing.blocking,
        "value": standing.value,
        "low": standing.low,
        "high": standing.high,
        "offending": standing.offending,
        "looked_at": standing.total,
        "evaluated": standing.last_at,
        "failing_since": standing.failing_since,
        "run_id": check.run_id,
    }

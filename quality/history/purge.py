"""What of Dagster's event log may be deleted once the history has it: a pure decision, and the reading and deleting.

A run goes when it has ended, is older than the retention, is not among the last of its job, is in the history, and no
asset (or partition) has its latest materialisation from it: Dagster would show such an asset as never materialised.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg
    from psycopg2.extensions import connection as Connection

KEEP_DAYS = 30
KEEP_LAST = 5


@dataclass(frozen=True)
class RunFacts:
    """What decides whether a run may go."""

    run_id: str
    job: str
    created_at: datetime
    ended: bool
    recorded: bool
    holds_latest: bool


@dataclass(frozen=True)
class PurgePlan:
    """Runs to delete, oldest first, and why each of the others stays."""

    delete: list[str]
    keep: dict[str, str]

    def summary(self, *, dry_run: bool = False) -> dict[str, int]:
        """How many go (or, in a dry run, would go), and how many stay for each reason."""
        counts: dict[str, int] = defaultdict(int)
        for reason in self.keep.values():
            counts[f"kept: {reason}"] += 1
        return {"would be deleted" if dry_run else "deleted": len(self.delete), **counts}


def plan_purge(
    runs: Iterable[RunFacts], now: datetime, *, keep: timedelta = timedelta(days=KEEP_DAYS), keep_last: int = KEEP_LAST
) -> PurgePlan:
    """Which runs may be deleted at `now`."""
    newest_first = sorted(runs, key=lambda run: (run.created_at, run.run_id), reverse=True)
    place: dict[str, int] = defaultdict(int)
    delete, kept = [], {}
    for run in newest_first:
        place[run.job] += 1
        reason = _reason_to_keep(run, now - keep, is_recent=place[run.job] <= keep_last)
        if reason is None:
            delete.append(run.run_id)
        else:
            kept[run.run_id] = reason
    return PurgePlan(delete[::-1], kept)


def _reason_to_keep(run: RunFacts, oldest: datetime, *, is_recent: bool) -> str | None:
    if not run.ended:
        return "still running"
    if not run.recorded:
        return "not in the history yet"
    if run.created_at >= oldest:
        return "younger than the retention"
    if is_recent:
        return "among the last of its job"
    if run.holds_latest:
        return "latest materialisation of an asset"
    return None


def run_facts(instance: "dg.DagsterInstance", connection: "Connection") -> list[RunFacts]:
    """The facts of every run of an instance; the history is brought up to date first, so that nothing is lost."""
    from dagster import DagsterRunStatus

    from buddies_core.postgres.schema import rows
    from quality.history.sync import sync

    sync(instance, connection)

    latest = rows(
        connection,
        "SELECT DISTINCT ON (asset, partition) run_id FROM quality.materialisations ORDER BY asset, partition, at DESC",
    )
    holders = {row["run_id"] for row in latest}
    over = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}
    return [
        RunFacts(
            run_id=record.dagster_run.run_id,
            job=record.dagster_run.job_name,
            created_at=record.create_timestamp.astimezone(UTC),
            ended=record.dagster_run.status in over,
            recorded=True,
            holds_latest=record.dagster_run.run_id in holders,
        )
        for record in instance.get_run_records()
    ]


def delete_runs(instance: "dg.DagsterInstance", run_ids: Sequence[str]) -> int:
    """Delete the runs with their events; returns how many."""
    for run_id in run_ids:
        instance.delete_run(run_id)
    return len(run_ids)

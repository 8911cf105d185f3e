"""Days of feedback and of events made anew, one partition a run, and how a day that was made is reported."""

from datetime import date

import dagster as dg

from buddies_assets.feedback.days import SESSIONS, DaySource, FeedbackDays, StoredDay
from buddies_assets.feedback.event_days import EVENTS_BY_DAY
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version

DAILY = dg.DailyPartitionsDefinition(start_date="2025-01-01", end_offset=1)
"""Days (UTC) on which sessions were created; today is one of them."""


@dg.op(out=dg.Out(dg.Nothing), description="A day's sessions, read again and stored as blocks and quarantine.")
def feedback_day(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    """The day is the partition of the run."""
    from buddies_assets.resources.loop_database import connected
    from buddies_core.postgres.database import database_url

    days = FeedbackDays(pipeline.store, pipeline.settings.seed, context.run.run_id)
    with connected(database_url(pipeline.settings)) as connection:
        report_day(context, days.rebuild(connection, date.fromisoformat(context.partition_key)))


@dg.job(
    partitions_def=DAILY,
    description="One day of feedback made anew; backfill it from its page of partitions, or `dagster job backfill`.",
)
def feedback_days_job() -> None:
    """One op: the day of the partition."""
    feedback_day()  # type: ignore[call-arg]


@dg.op(out=dg.Out(dg.Nothing), description="A day's events, read again and stored with grades and quarantine.")
def event_day(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    """The day is the partition of the run."""
    from buddies_assets.resources.loop_database import connected
    from buddies_core.postgres.database import database_url

    days = FeedbackDays(pipeline.store, pipeline.settings.seed, context.run.run_id, source=EVENTS_BY_DAY)
    with connected(database_url(pipeline.settings)) as connection:
        report_day(context, days.rebuild(connection, date.fromisoformat(context.partition_key)), EVENTS_BY_DAY)


@dg.job(
    partitions_def=DAILY,
    description="One day of events made anew; backfill it from its page of partitions, or `dagster job backfill`.",
)
def event_days_job() -> None:
    """One op: the day of the partition."""
    event_day()  # type: ignore[call-arg]


def report_day(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, made: StoredDay, source: DaySource = SESSIONS
) -> None:
    """Report a stored day as materialisations of the partitioned assets."""
    version = code_version(source.module)
    for name, count in ((source.kept, made.blocks), (source.quarantined, made.quarantined)):
        facts = {"dagster/partition_row_count": count, "rows read": made.sessions, "waiting": made.waiting}
        tags = {"dagster/data_version": made.versions[name], "dagster/code_version": version}
        context.log_event(dg.AssetMaterialization(name, partition=made.day.isoformat(), metadata=facts, tags=tags))

"""What listeners send back: the sessions in PostgreSQL, their days as blocks, and the window that is trained on.

`feedback_blocks` and `quarantined_feedback` are partitioned by day but are no steps of a run: a run has one partition
or none, and one run must be able to bring several late days and everything above them up to date. `training_window`
refreshes the days that changed, `feedback_days_job` (partitioned, so it can be backfilled) makes any day anew, and both
report the materialisations by partition.
"""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl

from buddies_assets.feedback.days import FEEDBACK_BLOCKS, QUARANTINED, WINDOW, FeedbackDays, StoredDay, window_of
from buddies_assets.feedback.held_out import held_out_likes, without_held_out
from buddies_assets.feedback.sessions import days_between
from buddies_assets.metadata import OWNERS, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.postgres.embedded import feedback_database
from buddies_core.storage.code_version import code_version
from buddies_core.storage.datasets import Dataset

FEEDBACK = "feedback"
DAILY = dg.DailyPartitionsDefinition(start_date="2025-01-01", end_offset=1)
"""Days (UTC) on which sessions were created; today is one of them."""

DAYS_VERSION = code_version("buddies_assets.feedback.days")
WINDOW_VERSION = code_version("buddies_assets.feedback.days", "buddies_assets.feedback.held_out")

user_feedback = dg.AssetSpec(
    "user_feedback",
    group_name=FEEDBACK,
    kinds={"postgres"},
    owners=OWNERS,
    description="One row a session in PostgreSQL (`feedback.sessions`): who liked which of the playlists shown.",
)
feedback_blocks = dg.AssetSpec(
    FEEDBACK_BLOCKS,
    deps=[user_feedback, "user_library", "playlist_library", "playlist_ownership"],
    partitions_def=DAILY,
    group_name=FEEDBACK,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=DAYS_VERSION,
    description="One row a session of a day: `user, positive, negatives, split`. Backfilled by `feedback_days_job`.",
)
quarantined_feedback = dg.AssetSpec(
    QUARANTINED,
    deps=[user_feedback, "user_library", "playlist_library", "playlist_ownership"],
    partitions_def=DAILY,
    group_name=FEEDBACK,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=DAYS_VERSION,
    description="Sessions of a day that gave no block, each with its reason. Backfilled by `feedback_days_job`.",
)


@dg.asset(
    group_name=FEEDBACK,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    deps=[feedback_blocks, quarantined_feedback, "playlist_ownership"],
    code_version=WINDOW_VERSION,
)
def training_window(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_library: Dataset,
    playlist_library: Dataset,
    splits: Dataset,
    liked_playlists: Dataset,
    cold_users: Dataset,
) -> dg.Output[Dataset]:
    """The feedback that the next model learns from: blocks of the last four weeks, the oldest phased out.

    `copies` says how often training repeats a block. Only days whose sessions changed are read from PostgreSQL.
    Sessions that like what is held out for evaluation are left out of training, and counted.
    """
    settings = pipeline.settings
    window = window_of(settings, datetime.now(UTC))
    days = FeedbackDays(pipeline.store, settings.seed, context.run.run_id, settings.reuse_shards)
    url = feedback_database(settings)
    if url is None:
        context.log.warning("No database was ever started here, so there is no feedback: the window is empty.")
    read = [] if url is None else _refresh(context, days, url, days_between(window.first_day, window.last_day))
    offered = days.window(window, weight=settings.feedback_weight)
    held_out = held_out_likes(splits, liked_playlists, cold_users, offered["user"])
    frame, left_out = without_held_out(offered, held_out)
    if left_out:
        context.log.info(f"{left_out:,} train sessions like what is held out for evaluation and are left out.")
    watermark = days.watermark(window)
    params = {
        "from": window.first_day.isoformat(),
        "until": window.end.isoformat(),
        "weight": settings.feedback_weight,
        "phase_days": window.phase_days,
    }
    inputs = {"user_library": user_library, "playlist_library": playlist_library, "splits": splits}
    writer = pipeline.writer(context, WINDOW, inputs, params)
    extra = {"feedback": watermark.as_lineage(), "held_out": left_out}
    dataset = writer.commit([writer.write_shard(0, frame)], extra=extra)
    by_split = frame.group_by("split").agg(sessions=pl.len(), copies=pl.col("copies").sum()).sort("split")
    facts: dict[str, Any] = {
        "sessions": watermark.sessions,
        "days": len(watermark.days),
        "days read": len(read),
        "sessions read": sum(day.sessions for day in read),
        "quarantined of those read": sum(day.quarantined for day in read),
        "left out as held-out likes": left_out,
        "left out as forgotten": sum(day.forgotten for day in read),
        "by split": table(by_split),
    }
    return dg.Output(dataset, metadata=facts)


@dg.op(out=dg.Out(dg.Nothing), description="A day's sessions, read again and stored as blocks and quarantine.")
def feedback_day(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    """The day is the partition of the run."""
    from buddies_assets.resources.loop_database import connected
    from buddies_core.postgres.embedded import database_url

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


def report_day(context: dg.AssetExecutionContext | dg.OpExecutionContext, made: StoredDay) -> None:
    """Report a stored day as materialisations of the partitioned assets."""
    for name, count in ((FEEDBACK_BLOCKS, made.blocks), (QUARANTINED, made.quarantined)):
        facts = {"dagster/partition_row_count": count, "sessions": made.sessions}
        tags = {"dagster/data_version": made.versions[name], "dagster/code_version": DAYS_VERSION}
        context.log_event(dg.AssetMaterialization(name, partition=made.day.isoformat(), metadata=facts, tags=tags))


def _refresh(context: dg.AssetExecutionContext, days: FeedbackDays, url: str, dates: list[date]) -> list[StoredDay]:
    from buddies_assets.resources.loop_database import connected

    read = []
    with connected(url) as connection:
        for made in days.refresh(connection, dates):
            report_day(context, made)
            read.append(made)
    return read

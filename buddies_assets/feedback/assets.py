"""What listeners send back: sessions and events in PostgreSQL, their days, and what training makes of them.

`feedback_blocks` and `quarantined_feedback` are partitioned by day but are no steps of a run: a run has one partition
or none, and one run must be able to bring several late days and everything above them up to date. `training_window`
refreshes the days that changed, `feedback_days_job` (partitioned, so it can be backfilled) makes any day anew, and both
report the materialisations by partition. Days of events are the same to `listener_plays` and `event_days_job`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl

from buddies_assets.feedback.day_jobs import DAILY, report_day
from buddies_assets.feedback.days import (
    FEEDBACK_BLOCKS,
    QUARANTINED,
    WINDOW,
    FeedbackDays,
    StoredDay,
    known_to,
    window_of,
)
from buddies_assets.feedback.event_blocks import event_blocks
from buddies_assets.feedback.event_days import EVENT_DAYS, EVENTS_BY_DAY, KEPT, QUARANTINED_EVENTS, event_counts
from buddies_assets.feedback.held_out import held_out_likes, without_held_out
from buddies_assets.feedback.session_blocks import in_window
from buddies_assets.feedback.sessions import days_between
from buddies_assets.metadata import OWNERS, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.postgres.database import feedback_database
from buddies_core.registry.watermark import Watermark
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.files import digest

FEEDBACK = "feedback"
DAYS_VERSION = code_version("buddies_assets.feedback.days")
EVENTS_VERSION = code_version("buddies_assets.feedback.event_days")
WINDOW_VERSION = code_version(
    "buddies_assets.feedback.days",
    "buddies_assets.feedback.held_out",
    "buddies_assets.feedback.event_days",
    "buddies_assets.feedback.event_blocks",
)

_LIBRARIES = ("user_library", "playlist_library", "playlist_ownership")


GREY_BUTTON = (
    "Its button Materialize is grey because sensors start that job for the days that have news: to make a day anew, "
    "launch a backfill of the job's partitions."
)
WRITTEN_BY_THE_SERVICE = "The service writes it as listeners act: there is nothing to materialise, only to check."


def _daily(name: str, deps: Sequence[dg.AssetSpec | str], version: str, description: str) -> dg.AssetSpec:
    """A dataset of days, which no run has as a step: Dagster's button is grey, and its text says why."""
    return dg.AssetSpec(
        name,
        deps=deps,
        partitions_def=DAILY,
        group_name=FEEDBACK,
        kinds={"parquet", "polars"},
        owners=OWNERS,
        code_version=version,
        description=f"{description} {GREY_BUTTON}",
    )


user_feedback = dg.AssetSpec(
    "user_feedback",
    group_name=FEEDBACK,
    kinds={"postgres"},
    owners=OWNERS,
    description="One row a session in PostgreSQL (`feedback.sessions`): who liked which of the playlists shown. "
    + WRITTEN_BY_THE_SERVICE,
)
feedback_blocks = _daily(
    FEEDBACK_BLOCKS,
    [user_feedback, *_LIBRARIES],
    DAYS_VERSION,
    "One row a session of a day: `user, positive, negatives, split`. Backfilled by `feedback_days_job`.",
)
quarantined_feedback = _daily(
    QUARANTINED,
    [user_feedback, *_LIBRARIES],
    DAYS_VERSION,
    "Sessions of a day that gave no block, each with its reason. Backfilled by `feedback_days_job`.",
)
listener_events = dg.AssetSpec(
    "listener_events",
    group_name=FEEDBACK,
    kinds={"postgres"},
    owners=OWNERS,
    description="One row an event in PostgreSQL (`feedback.listener_events`): who played, saved or liked what. "
    + WRITTEN_BY_THE_SERVICE,
)
listener_event_days = _daily(
    EVENT_DAYS,
    [listener_events],
    EVENTS_VERSION,
    "One row an event of a day, with a grade of 0 to 1. Backfilled by `event_days_job`.",
)
quarantined_events = _daily(
    QUARANTINED_EVENTS,
    [listener_events],
    EVENTS_VERSION,
    "Events of a day that no person made, each with its reason. Backfilled by `event_days_job`.",
)


@dg.asset(
    group_name=FEEDBACK,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    deps=[listener_event_days, quarantined_events],
    code_version=code_version(
        "buddies_assets.feedback.event_days",
        "buddies_assets.feedback.listener_plays",
        "buddies_assets.feedback.kept_playlists",
    ),
)
def listener_plays(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.Output[Dataset]:
    """Songs that listeners played, saved or liked since the file of plays: one row a listener and song.

    The part `listeners` names everybody who sent feedback or events: `user_library` takes in those who are new. The
    part `kept` has what they saved, liked or heard one after another, as playlists: next track and continuation learn
    from them.
    """
    from buddies_assets.feedback import listener_plays as made
    from buddies_assets.feedback.kept_playlists import kept_playlists

    settings = pipeline.settings
    days = FeedbackDays(pipeline.store, settings.seed, context.run.run_id, settings.reuse_shards, EVENTS_BY_DAY)
    url = feedback_database(settings)
    if url is None:
        context.log.warning("No database was ever started here, so there are no events.")
    dates, new = _event_dates(url), pl.Series("user_id", [], pl.String)
    read = _refresh(context, days, url, dates) if url is not None and dates else []
    if url is not None:
        from buddies_assets.resources.loop_database import connected

        with connected(url) as connection:
            new = made.strangers(connection)
    stored = [one.frame() for day in dates if (one := days.stored(EVENT_DAYS, day)) is not None]
    plays = made.listener_plays(stored)
    senders = pl.concat([new, *(day["user_key"].alias("user_id") for day in stored)]).unique().sort()
    listeners = senders.filter(~days.forgotten.mask(senders)).to_frame()
    watermark = days.watermark_of(dates)
    kept = kept_playlists(stored)
    content = digest(b"".join(frame.write_csv().encode() for frame in (plays, listeners, kept)))
    writer = pipeline.writer(context, "listener_plays", {}, {"content": content})
    writer.write_part("listeners", listeners)
    writer.write_part("kept", kept)
    dataset = writer.commit([writer.write_shard(0, plays)], extra={"events": watermark.as_lineage()})
    facts: dict[str, Any] = {
        "events": watermark.sessions,
        "listeners": listeners.height,
        "songs of listeners": plays.height,
        "playlists of listeners": kept["pid"].n_unique(),
        "days read": len(read),
        "quarantined of those read": sum(day.quarantined for day in read),
        "left out as forgotten": sum(day.forgotten for day in read),
    }
    return dg.Output(dataset, metadata=facts)


@dg.asset(
    group_name=FEEDBACK,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    deps=[feedback_blocks, quarantined_feedback, listener_event_days, "playlist_ownership"],
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

    `copies` says how often training repeats a block; a playlist that was played, saved or liked by an event is a block
    too, repeated by its grade. Only days whose sessions or events changed are read from PostgreSQL.
    Sessions that like what is held out for evaluation are left out of training, and counted.
    """
    settings = pipeline.settings
    window = window_of(settings, datetime.now(UTC))
    days = FeedbackDays(pipeline.store, settings.seed, context.run.run_id, settings.reuse_shards)
    url = feedback_database(settings)
    if url is None:
        context.log.warning("No database was ever started here, so there is no feedback: the window is empty.")
    dates = days_between(window.first_day, window.last_day)
    read = [] if url is None else _refresh(context, days, url, dates)
    event_days = FeedbackDays(pipeline.store, settings.seed, context.run.run_id, settings.reuse_shards, EVENTS_BY_DAY)
    with_playlists = Watermark()
    if url is not None:
        with_playlists = _playlist_events(url, dates)
        _refresh(context, event_days, url, dates)
    heard = [kept.frame() for day in dates if (kept := event_days.stored(EVENT_DAYS, day)) is not None]
    by_events = event_blocks(pl.concat([KEPT.to_frame(), *heard]), known_to(pipeline.store), seed=settings.seed)
    weight, seed = settings.feedback_weight, settings.seed
    offered = pl.concat([days.window(window, weight=weight), in_window(by_events, window, weight=weight, seed=seed)])
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
    extra = {
        "feedback": watermark.as_lineage(),
        "events": with_playlists.as_lineage(),
        "held_out": left_out,
    }
    dataset = writer.commit([writer.write_shard(0, frame)], extra=extra)
    by_split = frame.group_by("split").agg(sessions=pl.len(), copies=pl.col("copies").sum()).sort("split")
    facts: dict[str, Any] = {
        "sessions": watermark.sessions,
        "days": len(watermark.days),
        "days read": len(read),
        "sessions read": sum(day.sessions for day in read),
        "quarantined of those read": sum(day.quarantined for day in read),
        "playlists by events": by_events.height,
        "waiting for the next library": sum(day.waiting for day in read),
        "left out as held-out likes": left_out,
        "left out as forgotten": sum(day.forgotten for day in read),
        "by split": table(by_split),
    }
    return dg.Output(dataset, metadata=facts)


def _refresh(context: dg.AssetExecutionContext, days: FeedbackDays, url: str, dates: list[date]) -> list[StoredDay]:
    from buddies_assets.resources.loop_database import connected

    read = []
    with connected(url) as connection:
        for made in days.refresh(connection, dates):
            report_day(context, made, days.source)
            read.append(made)
    return read


def _playlist_events(url: str, dates: list[date]) -> Watermark:
    from buddies_assets.resources.loop_database import connected

    with connected(url) as connection:
        return Watermark(event_counts(connection, dates[0], dates[-1], playlists=True))


def _event_dates(url: str | None) -> list[date]:
    """The days from the first event on; none where there is no event."""
    if url is None:
        return []
    from buddies_assets.resources.loop_database import connected
    from buddies_core.postgres.schema import rows

    with connected(url) as connection:
        first = rows(
            connection, "SELECT (min(created_at) AT TIME ZONE 'UTC')::date AS day FROM feedback.listener_events"
        )
    return days_between(first[0]["day"], datetime.now(UTC).date()) if first[0]["day"] is not None else []

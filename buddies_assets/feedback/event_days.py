"""Events in PostgreSQL to stored days: each with its grade, those of programs set aside with the reason.

A *grade* says what a deed tells of taste, from 0 to 1: a like 1, a save 0.8, a skip 0. A play counts by the share that
was listened to; without one by its seconds, of four minutes for a song and of an hour for a playlist; without either
0.5.
"""

from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from buddies_assets.feedback.days import DaySource
from buddies_assets.feedback.session_blocks import Converted
from buddies_core.postgres.schema import rows
from buddies_core.storage.datasets import DatasetStore

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

EVENT_DAYS, QUARANTINED_EVENTS = "listener_event_days", "quarantined_events"
MOST_A_MINUTE = 60
"""Nobody plays or skips more often than once a second (`feedback/rules/events.py` says the same)."""
LIKE, SAVE, UNMEASURED = 1.0, 0.8, 0.5
SONG_SECONDS, PLAYLIST_SECONDS = 240.0, 3600.0

EVENTS = pl.Schema(
    {  # type: ignore[arg-type]
        "event_id": pl.String,
        "created_at": pl.Datetime("us", "UTC"),
        "received_at": pl.Datetime("us", "UTC"),
        "user_key": pl.String,
        "kind": pl.String,
        "song_id": pl.String,
        "song_key": pl.String,
        "pid": pl.Int64,
        "seconds": pl.Float64,
        "share": pl.Float64,
    }
)
"""Columns of events as they are read from PostgreSQL."""
KEPT = pl.Schema([*EVENTS.items(), ("grade", pl.Float64())])
_EVENTS = """
SELECT event_id::text, created_at, received_at, user_key, kind, song_id, song_key, playlist, seconds, share
FROM feedback.listener_events
WHERE created_at >= (%(day)s::date)::timestamp AT TIME ZONE 'UTC'
  AND created_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
"""
_COUNTS = """
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events FROM feedback.listener_events
WHERE created_at >= %(first)s::date::timestamp AT TIME ZONE 'UTC'
  AND created_at < (%(last)s::date + 1)::timestamp AT TIME ZONE 'UTC'
  AND (playlist IS NOT NULL OR NOT %(playlists)s) GROUP BY 1
"""


def events_of(connection: "Connection", day: date) -> pl.DataFrame:
    """The events created on a day (UTC); columns of `EVENTS`."""
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, {"day": day})
        return pl.DataFrame(cursor.fetchall(), schema=EVENTS, orient="row")


def event_counts(connection: "Connection", first: date, last: date, *, playlists: bool = False) -> dict[str, int]:
    """Events by ISO day of creation (UTC) from `first` to `last`, or those with playlists; days without any are left
    out."""
    found = rows(connection, _COUNTS, {"first": first, "last": last, "playlists": playlists})
    return {row["day"].isoformat(): int(row["events"]) for row in found}


def graded(events: pl.DataFrame) -> pl.DataFrame:
    """The events with their `grade`."""
    whole = pl.when(pl.col("pid").is_null()).then(SONG_SECONDS).otherwise(PLAYLIST_SECONDS)
    played = pl.coalesce("share", (pl.col("seconds") / whole).clip(0, 1), pl.lit(UNMEASURED))
    told = {"like": pl.lit(LIKE), "save": pl.lit(SAVE), "play": played}
    grade = pl.lit(0.0)
    for kind, value in told.items():
        grade = pl.when(pl.col("kind") == kind).then(value).otherwise(grade)
    return events.with_columns(grade=grade.cast(pl.Float64))


def to_graded_events(events: pl.DataFrame) -> Converted:
    """Every event graded or in quarantine, in the order of (created_at, event_id)."""
    listened = pl.col("kind").is_in(["play", "skip"])
    a_minute = listened.sum().over("user_key", pl.col("created_at").dt.truncate("1m"))
    reason = pl.when(listened & (a_minute > MOST_A_MINUTE)).then(
        pl.lit(f"more than {MOST_A_MINUTE} plays and skips of this listener in one minute")
    )
    placed = graded(events.sort("created_at", "event_id")).with_columns(reason=reason)
    good = placed.filter(pl.col("reason").is_null())
    return Converted(good.select(KEPT.names()), placed.filter(pl.col("reason").is_not_null()).drop("grade"))


def _convert(events: pl.DataFrame, store: DatasetStore, seed: int) -> Converted:
    return to_graded_events(events)


EVENTS_BY_DAY = DaySource(EVENT_DAYS, QUARANTINED_EVENTS, __name__, (), event_counts, events_of, _convert)
"""Events, graded."""

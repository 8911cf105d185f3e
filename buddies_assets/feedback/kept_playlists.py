"""Playlists that listeners made: songs that they saved, liked or heard one after another, in order."""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import blake2b

import polars as pl

KEPT = pl.Schema({"pid": pl.UInt32(), "place": pl.UInt32(), "key": pl.String()})
PAUSE = timedelta(minutes=30)
"""Between two deeds: what comes after a longer one is another playlist."""
SHORTEST = 5
LEAST_GRADE = 0.5
"""Less than half of a song heard says nothing for it."""
FIRST_PID = 2**31
"""Ids from here on are those of kept playlists; those of files are far below."""


def kept_playlists(days: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Rows of `KEPT` by pid and place, from graded events; `key` is the canonical key of a song.

    A song stands once, where it first came; one that was last skipped does not stand at all. The id of a playlist is
    made of its first event's, so it stays when other events come late.
    """
    songs = [
        day.filter(pl.col("song_key").is_not_null() & pl.col("pid").is_null())
        .select("event_id", "created_at", "user_key", "grade", key="song_key")
        .sort("user_key", "created_at", "event_id")
        for day in days
    ]
    if not songs:
        return KEPT.to_frame()
    rested = (pl.col("created_at").diff() > PAUSE) | (pl.col("user_key") != pl.col("user_key").shift())
    events = pl.concat(songs).sort("user_key", "created_at", "event_id").with_columns(
        session=rested.fill_null(value=True).cum_sum()
    )  # fmt: skip
    named = events.with_columns(first=pl.col("event_id").first().over("session"))
    each = named.group_by("first", "key", maintain_order=True).agg(pl.col("grade").last())
    good = each.filter(pl.col("grade") >= LEAST_GRADE).filter(pl.len().over("first") >= SHORTEST)
    pids = good.select(pl.col("first").unique(maintain_order=True))
    numbers = pl.Series("pid", [_pid(first) for first in pids["first"].to_list()], dtype=pl.UInt32)
    numbered = good.join(pids.with_columns(numbers).unique("pid", keep="first", maintain_order=True), on="first")
    placed = numbered.with_columns(place=pl.int_range(pl.len(), dtype=pl.UInt32).over("pid"))
    return placed.select(KEPT.names()).cast(KEPT).sort("pid", "place")


def _pid(event_id: str) -> int:
    return FIRST_PID + int.from_bytes(blake2b(event_id.encode(), digest_size=4, person=b"kept").digest()) % FIRST_PID

"""What listeners played, saved and liked since the file of plays was made, and who of them is new."""

from typing import TYPE_CHECKING

import polars as pl

from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg2.extensions import connection as Connection

PLAYS = pl.Schema(
    {  # type: ignore[arg-type]
        "user_id": pl.String,
        "song_id": pl.String,
        "song_key": pl.String,
        "plays": pl.UInt32,
        "grade": pl.Float64,
        "last": pl.Datetime("us", "UTC"),
    }
)
LISTENERS = pl.Schema({"user_id": pl.String()})
_STRANGERS = "SELECT DISTINCT user_key FROM feedback.sessions WHERE user_id < 0 AND user_key IS NOT NULL"


def listener_plays(days: "Iterable[pl.DataFrame]") -> pl.DataFrame:
    """One row a listener and song of graded events, columns of `PLAYS`, sorted; skipped songs are not among them.

    A song that was skipped after it was last played counts for nothing. `grade` is the highest.
    """
    key = ["user_id", "song_id", "song_key"]
    parts = []
    for day in days:
        songs = day.filter(pl.col("pid").is_null()).rename({"user_key": "user_id"})
        parts.append(
            songs.group_by(key).agg(
                plays=(pl.col("grade") > 0).sum().cast(pl.UInt32),
                grade=pl.col("grade").max(),
                last=pl.col("created_at").filter(pl.col("kind") != "skip").max(),
                skipped=pl.col("created_at").filter(pl.col("kind") == "skip").max(),
            )
        )
    if not parts:
        return PLAYS.to_frame()
    added = (
        pl.concat(parts)
        .group_by(key)
        .agg(pl.col("plays").sum(), pl.col("grade").max(), pl.col("last").max(), pl.col("skipped").max())
    )
    liked = pl.col("last").is_not_null() & (pl.col("skipped").is_null() | (pl.col("skipped") <= pl.col("last")))
    return added.filter(liked & (pl.col("grade") > 0)).select(PLAYS.names()).cast(PLAYS).sort(key, nulls_last=True)


def strangers(connection: "Connection") -> pl.Series:
    """40-hex ids of those who gave feedback before they had a number."""
    found = [row["user_key"] for row in rows(connection, _STRANGERS)]
    return pl.Series("user_id", found, dtype=pl.String)

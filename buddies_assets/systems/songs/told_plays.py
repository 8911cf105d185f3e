"""What listeners told the service since the file of plays: added to it, so that the next training learns from it."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from buddies_core.artifact.listeners import CLIENT, is_listener_id, listener_id
from buddies_core.interactions.text_keys import Match, with_key

SECONDS_A_DAY = 86_400.0
TOLD: dict[str, Any] = {"user": pl.String, "item": pl.String, "weight": pl.Float64}
"""Columns of told plays; `time` stands beside them where plays have dates."""


@dataclass(frozen=True, slots=True)
class ToldPlays:
    """Plays that were told.

    Attributes:
        plays: columns of `TOLD`, and `time` (days since 1970, of the last event) where the file's plays have dates.
        left_out: rows that name a song by a text that no song on file has.
    """

    plays: pl.DataFrame
    left_out: int


def told_plays(since: pl.DataFrame, plays: pl.DataFrame, texts: pl.DataFrame, match: Match) -> ToldPlays:
    """The rows of `listener_plays` as plays of the file: under the names that it has for listeners and songs.

    A play weighs what its events are worth: their number times the highest grade, so that one song half heard is half
    a play.

    Args:
        since: columns of `listener_plays`; plays: those of the file, `user, item, …`.
        texts: song text by `song_id`, of which mismatched ids name no song.
        match: scheme of the keys in `since`.
    """
    schema = TOLD | ({"time": pl.Float64} if "time" in plays.columns else {})
    if since.is_empty():
        return ToldPlays(pl.DataFrame(schema=schema), 0)
    items = pl.coalesce("song_id", "named")
    found = since.join(_ids_by_key(since, plays, texts, match), on="song_key", how="left").with_columns(item=items)
    known = found.drop_nulls("item").join(_names(plays["user"]), on="user_id", how="left")
    told = known.select(
        user=pl.coalesce("name", "user_id"),
        item="item",
        weight=pl.col("plays").cast(pl.Float64) * pl.col("grade"),
        time=pl.col("last").dt.epoch("us") / (1e6 * SECONDS_A_DAY),
    )
    return ToldPlays(told.select(list(schema)).cast(schema), found.height - known.height)  # type: ignore[arg-type]


def with_told(plays: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The plays of the file and what was told since."""
    return pl.concat([plays, told.with_columns(pl.col("weight").cast(plays.schema["weight"])).select(plays.columns)])


def _names(users: pl.Series) -> pl.DataFrame:
    """`user_id, name`: the id by which events know each listener of the file, and what the file calls them."""
    names = users.unique().sort()
    return pl.DataFrame({"user_id": ids_of(names), "name": names})


def ids_of(names: pl.Series) -> pl.Series:
    """The 40-hex ids of listeners by what a file calls them: such an id itself, or a client's own name."""
    distinct = names.unique()
    ids = [listener_id(name if is_listener_id(name) else CLIENT + name) for name in distinct.to_list()]
    return names.replace_strict(distinct, pl.Series(ids, dtype=pl.String), return_dtype=pl.String)


def _ids_by_key(since: pl.DataFrame, plays: pl.DataFrame, texts: pl.DataFrame, match: Match) -> pl.DataFrame:
    """`song_key, named`: of songs that events name by text alone, an id on file, one that is played where there is."""
    schema = {"song_key": pl.String, "named": pl.String}
    wanted = since.filter(pl.col("song_id").is_null()).drop_nulls("song_key")["song_key"].unique()
    if wanted.is_empty() or texts.is_empty():
        return pl.DataFrame(schema=schema)
    sound = texts.filter(~pl.col("mismatched"))
    keyed = with_key(sound, "title", "artist", match).filter(pl.col("key").is_in(wanted.implode()))
    played = pl.col("song_id").is_in(plays["item"].unique().implode())
    best = keyed.sort(played.not_(), "song_id").group_by("key", maintain_order=True).agg(pl.col("song_id").first())
    return best.select(song_key="key", named="song_id").cast(schema)  # type: ignore[arg-type]

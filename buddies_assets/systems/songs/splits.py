"""Which plays are hidden from the model that is judged by them.

Without dates a third of a listener's songs is hidden by the hash of listener and song; with dates the songs that were
met first in the last share of the time. One listener in twenty is set aside whole: a stranger, who gets popular songs.
"""

import numpy as np
import polars as pl

from buddies_assets.systems.songs.catalogue import merged_plays
from buddies_core.interactions.text_hash import hashed_share

HIDDEN, NEW = 0.3, 0.05
FEWEST = 5
"""Listeners with fewer songs hide none of them."""
TRAIN, TEST, NEW_USER = "train", "test", "new"


def split_plays(plays: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """`user, song, split`: `train`, `test` (hidden) or `new` (of a listener who is set aside whole)."""
    users, songs = plays["user"].to_list(), plays["song"].to_list()
    distinct = sorted(set(users))
    draws = hashed_share(distinct, ["a new listener"] * len(distinct), seed=seed)
    away = {user for user, draw in zip(distinct, draws.tolist(), strict=True) if draw < NEW}
    lengths = dict(plays.group_by("user").len().iter_rows())
    able = np.array([lengths[user] >= FEWEST and user not in away for user in users])
    if "time" in plays.columns:
        last = float(plays["first"].quantile(1 - HIDDEN, "nearest") or 0.0)
        hidden = able & (plays["first"].to_numpy() > last)
        # Who came after the cut would be left with nothing.
        seen = set(plays.filter(pl.Series(~hidden))["user"].to_list())
        hidden &= np.array([user in seen for user in users])
    else:
        hidden = able & (hashed_share(users, songs, seed=seed) < HIDDEN)
    new = np.array([user in away for user in users])
    split = np.where(new, NEW_USER, np.where(hidden, TEST, TRAIN))
    return plays.select("user", "song").with_columns(split=pl.Series(split.tolist(), dtype=pl.String))


def seen_plays(plays: pl.DataFrame, events: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """The plays as they were known before what is hidden by date: later plays of known songs are not counted.

    Args:
        plays: `song_plays`; events: its single plays, empty where plays have no dates, which changes nothing.
    """
    if events.is_empty():
        return plays
    last = part_of(plays, splits, TRAIN)["first"].max()
    return merged_plays(events.filter(pl.col("time") <= last)).sort("user", "song").select(plays.columns)


def part_of(plays: pl.DataFrame, splits: pl.DataFrame, *names: str) -> pl.DataFrame:
    """The plays of some parts."""
    return plays.join(splits.filter(pl.col("split").is_in(list(names))).select("user", "song"), on=["user", "song"])

"""What listeners did with playlists as user-blocks: graded positives beside the sessions of playlists shown.

An event shows no other playlists, so its negatives are drawn: for each a point by a hash of (seed, event), and from
there on the next playlist in the order of a hash of the pids. A playlist that comes or goes changes the draws before it
alone.
"""

import numpy as np
import polars as pl

from buddies_assets.feedback.session_blocks import BLOCKS, Known, draws, splits

LEAST_GRADE = 0.5
"""Less than half of a playlist heard says nothing for it."""
NEGATIVES = 4
_RING, _POINT = 0x4556_01, 0x4556_02
_TRIES = 16
_GRADED = pl.Schema([*BLOCKS.items(), ("grade", pl.Float64())])


def event_blocks(events: pl.DataFrame, known: Known, *, seed: int) -> pl.DataFrame:
    """Blocks (columns of `BLOCKS` and `grade`) of graded events with playlists, by (created_at, event_id).

    Of a listener's events with one playlist the one of highest grade counts, the earliest of these. Listeners and
    playlists that are in no library have none. No negative is owned by the listener or one of their positives.
    """
    rows = known.playlists.select("playlist", pid=pl.col("pid").cast(pl.Int64))
    good = (
        events.filter(pl.col("pid").is_not_null() & (pl.col("grade") >= LEAST_GRADE))
        .join(known.users.select("user", user_key="user_id"), on="user_key", how="inner")
        .join(rows, on="pid", how="inner")
        .sort("grade", "created_at", "event_id", descending=[True, False, False])
        .unique(["user", "playlist"], keep="first", maintain_order=True)
        .sort("created_at", "event_id")
    )
    negatives = _negatives(good, known, seed=seed)
    made = good.select(
        pl.col("event_id").alias("session_id"),
        "created_at",
        "user",
        positive="playlist",
        negatives=pl.Series(negatives, dtype=pl.List(pl.UInt32)),
        split=pl.Series(splits(good["event_id"], seed=seed), dtype=pl.String),
        model_version=pl.lit(""),
        grade="grade",
    )
    return made.filter(pl.col("negatives").list.len() > 0).cast(_GRADED)


def _negatives(good: pl.DataFrame, known: Known, *, seed: int) -> list[list[int]]:
    from buddies_core.kernels.randomness import uniform

    pids = known.playlists["pid"].cast(pl.UInt64).to_numpy()
    places = uniform(seed, _RING, pids, np.zeros_like(pids))
    order = np.argsort(places, kind="stable")
    ring, playlists = places[order], known.playlists["playlist"].to_numpy()[order]
    theirs: dict[int, set[int]] = {}
    mine = known.owned.select(user="owner", playlist="playlist")
    both = pl.concat([mine.cast(pl.UInt32), good.select("user", "playlist").cast(pl.UInt32)])
    for user, held in (
        both.join(good.select("user").unique(), on="user", how="semi").group_by("user").agg("playlist").iter_rows()
    ):
        theirs[user] = set(held)
    points = np.stack([draws(good["event_id"], seed=seed, stream=_POINT + turn) for turn in range(_TRIES)], axis=1)
    drawn = playlists[np.searchsorted(ring, points) % len(ring)] if len(ring) else np.zeros((good.height, 0), np.int64)
    found = []
    for user, row in zip(good["user"].to_list(), drawn.tolist(), strict=True):
        fitting = [playlist for playlist in dict.fromkeys(row) if playlist not in theirs[user]]
        found.append(fitting[:NEGATIVES])
    return found

"""Who is set aside, how likes are split, and who owns which playlist."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.systems.playlists import ownership
from buddies_assets.systems.playlists.ownership import Ownership
from buddies_core.evaluation import splitting
from buddies_core.interactions.labelled import load_keys
from buddies_core.storage.datasets import Dataset
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep

SPLIT = pl.Enum(splitting.SPLIT_NAMES)


def cold_users(user_library: Dataset, scores: pl.LazyFrame, seed: int) -> pl.DataFrame:
    """The users set aside whole, of those who like anything: `user, number, user_id, songs, liked`."""
    counted = scores.select("user", liked=pl.col("liked").list.len()).filter(pl.col("liked") > 0)
    # Streamed, since the lists themselves, of which only the lengths are wanted, are a gigabyte at full size.
    liked = counted.collect(engine="streaming")
    cold = pl.Series(splitting.cold_users(load_keys(user_library), seed))
    set_aside = user_library.frame(["user", "number", "user_id", "songs"]).filter(cold)
    return set_aside.join(liked, on="user", maintain_order="left")


@dataclass(frozen=True)
class _SplitsState:
    liked: EntityShards
    cold: pl.Series
    keys: np.ndarray
    pids: np.ndarray
    seed: int


def prepare_splits(inputs: Inputs, params: Params) -> _SplitsState:
    """The likes, read shard by shard, who is cold, and what draws know users and playlists by."""
    cold = inputs["cold_users"].frame(["user"])["user"]
    keys, pids = load_keys(inputs["user_library"]), load_keys(inputs["playlist_library"])
    return _SplitsState(EntityShards(inputs["liked_playlists"]), cold, keys, pids, params["seed"])


def split_users(state: _SplitsState, users: range) -> pl.DataFrame:
    """One row a like of the users who are not cold: `user, playlist, split, score`."""
    likes = state.liked.frame(users, ["user", "playlist", "score"])
    likes = likes.filter(~pl.col("user").is_in(state.cold.implode()))
    owners = likes["user"].to_numpy()
    present, starts = np.unique(owners, return_index=True)
    offsets = np.append(starts, len(owners)).astype(np.int64)
    pids = state.pids[likes["playlist"].to_numpy()]
    codes = splitting.split_likes(state.keys[present], offsets, pids, state.seed)
    return likes.select("user", "playlist", pl.Series("split", codes).cat.to(SPLIT), "score")


SPLITS = ShardedStep("splits", prepare_splits, split_users)


def own_playlists(splits: Dataset, songs: np.ndarray, n_playlists: int, cap: int) -> tuple[pl.DataFrame, Ownership]:
    """One row an owned playlist: `playlist, owner, priority, likers`, and the assignment it comes from."""

    def train_likes() -> Iterator[ownership.Likes]:
        for shard in splits.shards():
            train = shard.filter(pl.col("split") == "train")
            yield train["user"].to_numpy(), train["playlist"].to_numpy(), train["score"].to_numpy()

    owned = ownership.assign_owners(train_likes, songs, n_playlists, cap=cap)
    frame = pl.DataFrame(
        {"playlist": owned.playlist, "owner": owned.owner, "priority": owned.priority, "likers": owned.likers}
    )
    return frame, owned

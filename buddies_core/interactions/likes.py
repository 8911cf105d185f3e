"""Likes as matrices: users × playlists, of train alone or of every split."""

import numpy as np
import polars as pl

from buddies_core.interactions.csr import Library
from buddies_core.storage.dataset import Dataset


def train_likes(splits: Dataset, n_users: int, n_playlists: int) -> Library:
    """The likes that a model may know."""
    return _matrix(splits, n_users, n_playlists, ["train"])


def all_likes(splits: Dataset, n_users: int, n_playlists: int) -> Library:
    """The likes of every split."""
    return _matrix(splits, n_users, n_playlists, ["train", "validation", "test"])


def _matrix(splits: Dataset, n_users: int, n_playlists: int, kept: list[str]) -> Library:
    """Built shard by shard: shards follow the users, so only the indices are held."""
    lengths, indices = np.zeros(n_users, np.int64), []
    for shard in splits.shards(["user", "playlist", "split"]):
        likes = shard.filter(pl.col("split").is_in(kept)).sort("user", "playlist")
        lengths += np.bincount(likes["user"].to_numpy(), minlength=n_users)
        indices.append(likes["playlist"].to_numpy())
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Library(indptr, np.concatenate(indices).astype(np.uint32, copy=False), n_playlists)


def train_popularity(splits: Dataset, n_playlists: int) -> np.ndarray:
    """How many users like each playlist in train, int64 [n_playlists]."""
    likers = np.zeros(n_playlists, np.int64)
    for shard in splits.shards(["playlist", "split"]):
        train = shard.filter(pl.col("split") == "train")["playlist"].to_numpy()
        likers += np.bincount(train, minlength=n_playlists)
    return likers

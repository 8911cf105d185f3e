"""Between frames and kernels: a list of playlists per user as offsets and values."""

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.user_blocks import Ragged


def from_lists(lists: pl.Series) -> Ragged:
    """A list column, one list a row."""
    lengths = lists.list.len().to_numpy()
    values = lists.filter(lists.list.len() > 0).explode().to_numpy()
    return Ragged(_offsets(lengths), values.astype(np.uint32, copy=False))


def of_users(users: np.ndarray, owners: np.ndarray, values: np.ndarray) -> Ragged:
    """The values of each of `users`, from rows (owner, value) sorted by owner; rows of other owners are left out."""
    starts = np.searchsorted(owners, users, side="left")
    stops = np.searchsorted(owners, users, side="right")
    lengths = stops - starts
    if len(users) and lengths.sum() == len(owners):
        return Ragged(_offsets(lengths), values.astype(np.uint32, copy=False))
    keep = np.isin(owners, users)
    return Ragged(_offsets(lengths), values[keep].astype(np.uint32, copy=False))


def to_lists(name: str, offsets: np.ndarray, values: np.ndarray) -> pl.Series:
    """A list column, one list a user, of the values' own type."""
    import pyarrow as pa

    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))
    return pl.Series(name, pl.from_arrow(lists))


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])

"""A list of numbers for each of many entities, as offsets and values: the form between list columns and kernels."""

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Ragged:
    """A list of playlists (or users) for each user: `values[offsets[i]:offsets[i + 1]]` is the i-th user's.

    Offsets are int64 and values uint32, both contiguous and writable: kernels are compiled once for that, and what
    comes read-only from Arrow is copied.
    """

    offsets: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", np.require(self.offsets, np.int64, ("C", "W")))
        object.__setattr__(self, "values", np.require(self.values, np.uint32, ("C", "W")))

    @property
    def lengths(self) -> np.ndarray:
        """Length of each list, int64."""
        return np.diff(self.offsets)


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

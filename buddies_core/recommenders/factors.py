"""Factors of a model: one float32 row a user and one a playlist; a score is their dot product."""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from buddies_core.kernels.randomness import TRAINING, hash_member, stream_key

_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class RowKeys:
    """What draws know the rows by: keys of the entities' own ids, uint64 [n_users], [n_playlists] and [n_songs].

    A draw is then the same whatever rows the entities stand in. Songs are needed where libraries are factorised too.
    """

    users: np.ndarray
    playlists: np.ndarray
    songs: np.ndarray

    @classmethod
    def of_rows(cls, users: int, playlists: int, songs: int = 0) -> "RowKeys":
        """The rows' own numbers, for data whose rows have no ids."""
        return cls(*(np.arange(n, dtype=np.uint64) for n in (users, playlists, songs)))


@dataclass(frozen=True, slots=True)
class Factors:
    """`users` float32 [n_users, d] and `playlists` float32 [n_playlists, d], C-contiguous.

    An item bias, where there is one, is the last column of `playlists`, and the last column of `users` is then 1:
    whoever serves a model needs only the dot product.
    """

    users: np.ndarray
    playlists: np.ndarray

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return self.users.shape[1]

    def finite(self) -> bool:
        """Whether every number is finite; a sum in float64 is NaN or infinite as soon as one is not."""
        return bool(np.isfinite(self.users.sum(dtype=np.float64) + self.playlists.sum(dtype=np.float64)))

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Scores of whole rows, float32 [len(users), n_playlists]."""
        return self.users[users] @ self.playlists.T


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Uninitialised float32 array that begins on a cache line, so that a row of 128 is 8 lines and not 9."""
    size = int(np.prod(shape)) * 4
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    shift = -raw.ctypes.data % _ALIGNMENT
    return raw[shift : shift + size].view(np.float32).reshape(shape)


def aligned_copy(values: np.ndarray) -> np.ndarray:
    """Float32 copy of an array that begins on a cache line."""
    copy = aligned(values.shape)
    copy[...] = values
    return copy


def random_rows(keys: np.ndarray, dimension: int, *, scale: float, seed: int, side: int) -> np.ndarray:
    """Starting rows: uniform with mean 0 and standard deviation `scale`, a function of (seed, side, key, column).

    A model that grows by a row therefore starts the old rows as before, wherever they stand now.

    Args:
        keys: what draws know the rows by, uint64 [n].
    """
    rows = aligned((len(keys), dimension))
    stream = np.uint64(TRAINING << 8 | side)
    _fill(rows, np.asarray(keys, np.uint64), np.uint64(seed), stream, np.float32(scale * np.sqrt(12.0)))
    return rows


@njit(parallel=True, nogil=True, cache=True)
def _fill(rows, keys, seed, stream, spread):
    for row in prange(len(rows)):
        key = stream_key(seed, stream, keys[row])
        for column in range(rows.shape[1]):
            bits = np.float32(hash_member(key, np.uint64(column)) >> np.uint64(40))
            rows[row, column] = (bits * np.float32(2.0**-24) - np.float32(0.5)) * spread


def random_factors(keys: RowKeys, dimension: int, *, scale: float, seed: int, item_bias: bool) -> Factors:
    """Random starting factors; with an item bias the last columns are 1 and 0."""
    factors = Factors(
        random_rows(keys.users, dimension, scale=scale, seed=seed, side=0),
        random_rows(keys.playlists, dimension, scale=scale, seed=seed, side=1),
    )
    if item_bias:
        factors.users[:, -1] = 1.0
        factors.playlists[:, -1] = 0.0
    return factors

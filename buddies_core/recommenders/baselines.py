"""Recommenders to compare: each gives users' scores of the whole catalogue, and of single playlists without it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange

from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TRAINING, hash_member, hash_pairs, stream_key
from buddies_core.recommenders.factors import Factors

Rows = Callable[[np.ndarray], np.ndarray]
"""Scores of users: uint32 [n] to float32 [n, n_playlists]; an array of the caller's own, or a read-only one."""
Pairs = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Scores of pairs: users uint32 [n] and playlists uint32 [n] to float32 [n]; the pairs of a user stand together."""

_NEIGHBOURS = 100
_AT_ONCE = 32
"""Users whose whole rows are in memory together: 128 MB of a million playlists."""


@dataclass(frozen=True, slots=True)
class System:
    """A named recommender; without `pairs` the scores of pairs are looked up in whole rows."""

    name: str
    rows: Rows
    pairs: Pairs | None = None

    def scores(self, users: np.ndarray, playlists: np.ndarray) -> np.ndarray:
        """Scores of pairs, float32 [n]; the pairs of a user stand together."""
        if self.pairs is not None:
            return self.pairs(users, playlists)
        distinct, place = np.unique(users, return_inverse=True)
        found = np.empty(len(users), np.float32)
        for first in range(0, len(distinct), _AT_ONCE):
            mine = (place >= first) & (place < first + _AT_ONCE)
            rows = self.rows(distinct[first : first + _AT_ONCE])
            found[mine] = rows[place[mine] - first, playlists[mine]]
        return found


def random_order(keys: np.ndarray, pids: np.ndarray, *, seed: int) -> System:
    """Knows nothing: a hash of (user id, pid). `keys` and `pids` are what draws know users and playlists by."""

    stream = np.uint64(TRAINING << 8 | 9)
    keys, pids = np.asarray(keys, np.uint64), np.asarray(pids, np.uint64)

    def rows(users: np.ndarray) -> np.ndarray:
        return _random_rows(np.uint64(seed), stream, keys[users], pids)

    def pairs(users: np.ndarray, playlists: np.ndarray) -> np.ndarray:
        return (hash_pairs(seed, int(stream), keys[users], pids[playlists]) >> np.uint64(40)).astype(np.float32)

    return System("random", rows, pairs)


def popularity_baseline(popularity: np.ndarray) -> System:
    """Knows nothing of the user: likers in train."""
    height = np.asarray(popularity, np.float32)
    return System(
        "most liked",
        lambda users: np.broadcast_to(height, (len(users), len(height))),
        lambda _, playlists: height[playlists],
    )


def song_overlap(user_songs: Library, playlist_songs: Library, lengths: np.ndarray) -> System:
    """log(1 + shared songs) / root of the playlist's length: what the labels are made of, so the ceiling on them."""
    users, by_song = _matrix(user_songs), _matrix(playlist_songs).T.tocsr()
    root = np.sqrt(np.maximum(lengths, 1)).astype(np.float32)

    def rows(chosen: np.ndarray) -> np.ndarray:
        shared = users[chosen] @ by_song
        shared.data = np.log1p(shared.data) / root[shared.indices]
        return shared.toarray()

    def pairs(chosen: np.ndarray, playlists: np.ndarray) -> np.ndarray:
        shared = _shared_songs(
            chosen,
            playlists,
            user_songs.indptr,
            user_songs.indices,
            playlist_songs.indptr,
            playlist_songs.indices,
            user_songs.n_columns,
        )
        return np.log1p(shared) / root[playlists]

    return System("song overlap", rows, pairs)


def neighbours_vote(user_songs: Library, train: Library) -> System:
    """Train likes of the 100 users whose libraries are nearest by cosine, weighted by it (what pairing knows)."""
    songs, likes = _matrix(user_songs), _matrix(train)
    by_song = songs.T.tocsr()
    root = np.sqrt(np.maximum(user_songs.lengths, 1)).astype(np.float32)

    known: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def meet(chosen: np.ndarray) -> None:
        """Notes the users nearest to each and their weights: all those that tie for the last place."""
        similar = songs[chosen] @ by_song
        similar.data /= root[similar.indices] * np.repeat(root[chosen], np.diff(similar.indptr))
        similar.data[similar.indices == np.repeat(chosen, np.diff(similar.indptr))] = 0.0
        for user, start, stop in zip(chosen.tolist(), similar.indptr[:-1], similar.indptr[1:], strict=True):
            values = similar.data[start:stop]
            least = np.partition(values, -_NEIGHBOURS)[-_NEIGHBOURS] if len(values) > _NEIGHBOURS else 0.0
            kept = np.flatnonzero((values >= least) & (values > 0.0))
            known[user] = similar.indices[start:stop][kept], values[kept]

    def votes(users: np.ndarray) -> Any:
        """Votes of users, sparse; few are met at once, since each meets a good part of all others."""
        from scipy.sparse import csr_array

        unknown = np.array([user for user in users.tolist() if user not in known], users.dtype)
        for first in range(0, len(unknown), _AT_ONCE):
            meet(unknown[first : first + _AT_ONCE])
        near, weights = zip(*(known[user] for user in users.tolist()), strict=True)
        indptr = np.cumsum([0, *map(len, near)])
        return csr_array((np.concatenate(weights), np.concatenate(near), indptr), (len(users), songs.shape[0])) @ likes

    def pairs(users: np.ndarray, playlists: np.ndarray) -> np.ndarray:
        distinct, place = np.unique(users, return_inverse=True)
        told = votes(distinct)
        return _looked_up(place, playlists, told.indptr, told.indices, told.data, train.n_columns)

    return System("neighbours' vote", lambda users: votes(users).toarray(), pairs)


def factor_model(name: str, factors: Factors) -> System:
    """A matrix factorisation."""
    return System(
        name, factors.scores, lambda users, playlists: _dots(factors.users, factors.playlists, users, playlists)
    )


@njit(parallel=True, nogil=True, cache=True)
def _random_rows(seed, stream, keys, pids):
    found = np.empty((len(keys), len(pids)), np.float32)
    for row in prange(len(keys)):
        key = stream_key(seed, stream, keys[row])
        for playlist in range(len(pids)):
            found[row, playlist] = np.float32(hash_member(key, pids[playlist]) >> np.uint64(40))
    return found


@njit(parallel=True, fastmath={"reassoc", "contract"}, nogil=True, cache=True)
def _dots(users, playlists, left, right):
    found = np.empty(len(left), np.float32)
    for i in prange(len(left)):
        user, playlist = users[left[i]], playlists[right[i]]
        total = np.float32(0.0)
        for d in range(len(user)):
            total += user[d] * playlist[d]
        found[i] = total
    return found


@njit(nogil=True, cache=True)
def _shared_songs(users, playlists, user_ptr, user_songs, playlist_ptr, playlist_songs, n_songs):
    found = np.zeros(len(users), np.float32)
    held = np.zeros(n_songs, np.bool_)
    for i in range(len(users)):
        songs = user_songs[user_ptr[users[i]] : user_ptr[users[i] + 1]]
        if i == 0 or users[i] != users[i - 1]:
            for song in songs:
                held[song] = True
        shared = 0
        for place in range(playlist_ptr[playlists[i]], playlist_ptr[playlists[i] + 1]):
            shared += held[playlist_songs[place]]
        found[i] = shared
        if i + 1 == len(users) or users[i + 1] != users[i]:
            for song in songs:
                held[song] = False
    return found


@njit(nogil=True, cache=True)
def _looked_up(rows, playlists, indptr, indices, values, n_columns):
    """Cells of a sparse matrix; each row is laid out in full when its first cell is asked for."""
    found = np.zeros(len(rows), np.float32)
    row = np.zeros(n_columns, np.float32)
    for i in range(len(rows)):
        first, last = indptr[rows[i]], indptr[rows[i] + 1]
        if i == 0 or rows[i] != rows[i - 1]:
            for place in range(first, last):
                row[indices[place]] = values[place]
        found[i] = row[playlists[i]]
        if i + 1 == len(rows) or rows[i + 1] != rows[i]:
            for place in range(first, last):
                row[indices[place]] = np.float32(0.0)
    return found


def _matrix(library: Library) -> Any:
    from scipy.sparse import csr_array

    values = np.ones(len(library.indices), np.float32)
    return csr_array((values, library.indices, library.indptr), (library.n_rows, library.n_columns))

"""Recommenders to compare: each gives users' scores of the whole catalogue."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from buddies_assets.algorithms.libraries import Library
from buddies_assets.algorithms.randomness import TRAINING, hash_pairs
from buddies_assets.training.factors import Factors

Rows = Callable[[np.ndarray], np.ndarray]
"""Scores of users: uint32 [n] to float32 [n, n_playlists]."""

_NEIGHBOURS = 100


@dataclass(frozen=True, slots=True)
class System:
    """A named recommender."""

    name: str
    rows: Rows


def random_order(n_playlists: int, *, seed: int) -> System:
    """Knows nothing: a hash of (user, playlist)."""

    def rows(users: np.ndarray) -> np.ndarray:
        bits = hash_pairs(seed, TRAINING << 8 | 9, users[:, None], np.arange(n_playlists)[None, :])
        return (bits >> np.uint64(40)).astype(np.float32)

    return System("random", rows)


def most_liked(popularity: np.ndarray) -> System:
    """Knows nothing of the user: likers in train, equal ones in index order."""
    height = np.empty(len(popularity), np.float32)
    height[np.lexsort((np.arange(len(popularity)), -popularity))] = np.arange(len(popularity), 0, -1)
    return System("most liked", lambda users: np.broadcast_to(height, (len(users), len(height))))


def song_overlap(user_songs: Library, playlist_songs: Library) -> System:
    """log(1 + shared songs) / root of the playlist's songs: what the labels are made of, so the ceiling on them."""
    users, playlists = _matrix(user_songs), _matrix(playlist_songs)
    root = np.sqrt(np.maximum(playlist_songs.lengths, 1)).astype(np.float32)
    return System("song overlap", lambda chosen: np.log1p((users[chosen] @ playlists.T).toarray()) / root)


def neighbours_vote(user_songs: Library, train: Library) -> System:
    """Train likes of the 100 users whose libraries are nearest by cosine, weighted by it (what pairing knows)."""
    songs, likes = _matrix(user_songs), _matrix(train)
    root = np.sqrt(np.maximum(user_songs.lengths, 1)).astype(np.float32)

    def rows(chosen: np.ndarray) -> np.ndarray:
        near = (songs[chosen] @ songs.T).toarray() / (root[chosen, None] * root)
        near[np.arange(len(chosen)), chosen] = 0.0
        kept = min(_NEIGHBOURS, near.shape[1])
        least = np.partition(near, -kept, axis=1)[:, -kept]
        near[near < least[:, None]] = 0.0
        return near @ likes

    return System("neighbours' vote", rows)


def factor_model(name: str, factors: Factors) -> System:
    """A matrix factorisation."""
    return System(name, factors.scores)


def _matrix(library: Library):
    from scipy.sparse import csr_array

    values = np.ones(len(library.indices), np.float32)
    return csr_array((values, library.indices, library.indptr), (library.n_rows, library.n_columns))

"""Ranks of positives by dot products of embeddings, straight from the vectors.

Bound: a batch of 50 negatives at dimension 128 is 13,000 multiply-adds and 26 KB gathered from the playlist vectors;
when those outgrow the cache, the gather is what it costs. Scores are never stored, only compared.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from buddies_assets.algorithms.metrics import NonFiniteScoresError, require_finite

_CHUNK = 16_384


def rank_batches(
    user_vectors: np.ndarray,
    playlist_vectors: np.ndarray,
    users: np.ndarray,
    positives: np.ndarray,
    negatives: np.ndarray,
    *,
    threads: int = 1,
) -> np.ndarray:
    """Rank of each batch's positive, int64 [n]; the same for any number of threads.

    Args:
        user_vectors, playlist_vectors: float32 [n_users, d] and [n_playlists, d].
        users, positives: [n]; negatives: [n, k].

    Raises:
        NonFiniteScoresError: a vector or a score is not finite.
        IndexError: a user or playlist has no vector.
    """
    for name, indices, n in (
        ("user", users, len(user_vectors)),
        ("positive", positives, len(playlist_vectors)),
        ("negative", negatives, len(playlist_vectors)),
    ):
        if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < n:
            raise IndexError(f"{name} {int(indices.max())} has no vector: they are numbered from 0 to {n - 1}")
    user_vectors = np.ascontiguousarray(user_vectors, np.float32)
    playlist_vectors = np.ascontiguousarray(playlist_vectors, np.float32)
    ranks = np.empty(len(users), np.int64)

    def work(start: int) -> bool:
        part = slice(start, start + _CHUNK)
        return _rank(user_vectors, playlist_vectors, users[part], positives[part], negatives[part], ranks[part])

    with ThreadPoolExecutor(threads) as pool:
        finite = list(pool.map(work, range(0, len(users), _CHUNK)))
    if not all(finite):
        # Looked at only now: every score was checked, and to check all vectors beforehand can cost more than ranking.
        require_finite(user_vectors, "user vectors")
        require_finite(playlist_vectors, "playlist vectors")
        raise NonFiniteScoresError("a dot product overflowed: the model has diverged; lower its learning rate")
    return ranks


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _dot(a, b):
    total = np.float32(0.0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(nogil=True, cache=True)
def _rank(user_vectors, playlist_vectors, users, positives, negatives, ranks):
    finite = True
    for i in range(len(users)):
        vector = user_vectors[users[i]]
        positive = _dot(vector, playlist_vectors[positives[i]])
        finite &= np.isfinite(positive)
        rank = 1
        for j in range(negatives.shape[1]):
            score = _dot(vector, playlist_vectors[negatives[i, j]])
            finite &= np.isfinite(score)
            rank += score >= positive
        ranks[i] = rank
    return finite

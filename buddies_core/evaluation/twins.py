"""Positives that are no news: playlists with the very same shared songs as one that the user likes in train.

To everything that knows playlists by their songs the two are one, so such a positive is recognised, not recommended.
"""

import numpy as np
from numba import njit

from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import hash_pairs

_DIGEST = 0x5457


def twins(users: np.ndarray, positives: np.ndarray, train: Library, playlist_songs: Library) -> np.ndarray:
    """Which positives have the shared songs of a train like of their user, bool [n].

    Args:
        users, positives: uint32 [n].
        train: likes in train, users × playlists.
        playlist_songs: shared songs of each playlist.
    """
    hashes = hash_pairs(0, _DIGEST, np.arange(playlist_songs.n_columns))
    return _twins(
        users, positives, train.indptr, train.indices, _digests(playlist_songs.indptr, playlist_songs.indices, hashes)
    )


@njit(nogil=True, cache=True)
def _digests(indptr, indices, hashes):
    """Sum of the hashes of each row's songs: equal for equal sets, and for others once in 2**64."""
    digests = np.zeros(len(indptr) - 1, np.uint64)
    for row in range(len(digests)):
        for place in range(indptr[row], indptr[row + 1]):
            digests[row] += hashes[indices[place]]
    return digests


@njit(nogil=True, cache=True)
def _twins(users, positives, indptr, indices, digests):
    found = np.zeros(len(users), np.bool_)
    for i in range(len(users)):
        wanted = digests[positives[i]]
        for place in range(indptr[users[i]], indptr[users[i] + 1]):
            if digests[indices[place]] == wanted and indices[place] != positives[i]:
                found[i] = True
                break
    return found

"""Who owns a playlist: the user who likes it most in train, as long as that user has room.

Bound: 8 bytes a like (user and score, grouped by playlist in one counting sort), each read once; priority is computed
from the score and the user's root of songs when its playlist's turn comes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_core.errors import BuddiesError

CAP = 100
NOBODY = np.uint32(0xFFFFFFFF)


class OwnershipError(BuddiesError, ValueError):
    """Likes and users do not fit together, or the likes changed between two readings."""


@dataclass(frozen=True)
class Ownership:
    """The owned playlists, by playlist index.

    Attributes:
        playlist, owner: uint32.
        priority: float64; score of the owner's like over the root of the owner's songs.
        likers: uint32; users who like the playlist in train.
        left_over: playlists that some user likes in train, but all of those users were full when its turn came.
    """

    playlist: np.ndarray
    owner: np.ndarray
    priority: np.ndarray
    likers: np.ndarray
    left_over: int


Likes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Train likes in any order, as (users uint32, playlists uint32, scores float32), each pair once."""


def assign_owners(
    shards: Callable[[], Iterable[Likes]], songs: np.ndarray, n_playlists: int, *, cap: int = CAP
) -> Ownership:
    """Gives each playlist, taken in index order, to its train-liker of highest priority (ties: lower user) with room.

    Args:
        shards: yields the train likes of non-cold users shard by shard; called twice (to count, then to place).
        songs: songs in each user's library, [n_users].
        cap: most playlists a user may own.

    Raises:
        OwnershipError: a user or playlist is out of range, or the second reading differs from the first.
    """
    indptr = np.zeros(n_playlists + 1, np.int64)
    for users, playlists, scores in shards():
        if not len(users) == len(playlists) == len(scores):
            raise OwnershipError("users, playlists and scores of a shard differ in length")
        if len(users) and (users.max() >= len(songs) or playlists.max() >= n_playlists):
            raise OwnershipError(f"a like lies outside {len(songs)} users x {n_playlists} playlists")
        _count(indptr, playlists)
    np.cumsum(indptr, out=indptr)
    cursor = indptr[:-1].copy()
    by_user, by_score = np.empty(indptr[-1], np.uint32), np.empty(indptr[-1], np.float32)
    for users, playlists, scores in shards():
        if not _place(cursor, indptr, users, playlists, scores, by_user, by_score):
            raise OwnershipError("the likes changed while they were read: read them from a stored dataset")
    if not np.array_equal(cursor, indptr[1:]):
        raise OwnershipError("the likes changed while they were read: read them from a stored dataset")
    roots = np.sqrt(np.asarray(songs, np.float64))
    owner, priority = _assign(indptr, by_user, by_score, roots, cap)
    owned = np.flatnonzero(owner != NOBODY)
    likers = np.diff(indptr)
    return Ownership(
        owned.astype(np.uint32),
        owner[owned],
        priority[owned],
        likers[owned].astype(np.uint32),
        int(np.count_nonzero(likers)) - len(owned),
    )


@njit(nogil=True, cache=True)
def _count(indptr, playlists):
    for playlist in playlists:
        indptr[np.int64(playlist) + 1] += 1


@njit(nogil=True, cache=True)
def _place(cursor, indptr, users, playlists, scores, by_user, by_score):
    for i in range(len(playlists)):
        playlist = np.int64(playlists[i])
        position = cursor[playlist]
        if position >= indptr[playlist + 1]:
            return False
        by_user[position], by_score[position] = users[i], scores[i]
        cursor[playlist] = position + 1
    return True


@njit(nogil=True, cache=True)
def _assign(indptr, by_user, by_score, roots, cap):
    n = len(indptr) - 1
    owner = np.full(n, NOBODY, np.uint32)
    priority = np.full(n, np.nan)
    owned = np.zeros(len(roots), np.int32)
    for playlist in range(n):
        best = -np.inf
        best_user = np.int64(-1)
        for i in range(indptr[playlist], indptr[playlist + 1]):
            user = np.int64(by_user[i])
            if owned[user] >= cap:
                continue
            value = np.float64(by_score[i]) / roots[user]
            if value > best or (value == best and user < best_user):
                best, best_user = value, user
        if best_user >= 0:
            owner[playlist], priority[playlist] = best_user, best
            owned[best_user] += 1
    return owner, priority

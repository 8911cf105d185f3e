"""Cases whose negatives are about as popular as the positive, in which a most-liked list is worth no more than chance.

Uniform negatives are mostly playlists that nobody likes, so knowing what is popular wins; against matched ones only
knowing the user does. Chance is MRR = H(51)/51 = 0.089 with 50 negatives.
"""

import numpy as np
from numba import njit

from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TRAINING, hash_member, stream_key
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.bpr.errors import NegativesError

_STREAM = TRAINING << 8 | 4
_WINDOW = 100
_ATTEMPTS_A_WINDOW = 2_000


def matched_cases(
    cases: EvaluationCases, likes: Library, popularity: np.ndarray, *, keys: np.ndarray, pids: np.ndarray, seed: int
) -> EvaluationCases:
    """The same positives against as many other playlists, drawn near them in the order of popularity.

    Args:
        cases: the cases to match.
        likes: every playlist the user likes, in any split; never a negative.
        popularity: likers of each playlist in train.
        keys, pids: what draws know all users and playlists by.

    Raises:
        NegativesError: A user likes so many playlists that too few are left.
    """
    order = np.lexsort((pids, -popularity)).astype(np.int64)
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    width = cases.negatives.shape[1]
    negatives, failed = _draw(
        cases.users,
        cases.positives,
        np.asarray(keys, np.uint64)[cases.users],
        np.asarray(pids, np.uint64)[cases.positives],
        width,
        likes.indptr,
        likes.indices,
        order,
        position,
        np.uint64(seed),
    )
    if failed >= 0:
        raise NegativesError(
            f"user {cases.users[failed]}: fewer than {width} of {len(order)} playlists are left to draw from"
        )
    return EvaluationCases(cases.users, cases.positives, negatives)


@njit(nogil=True, cache=True)
def _draw(users, positives, keys, pids, width, like_ptr, likes, order, position, seed):
    n, catalogue = len(users), len(order)
    negatives = np.zeros((n, width), np.uint32)
    for case in range(n):
        user, positive = np.int64(users[case]), np.int64(positives[case])
        liked = likes[like_ptr[user] : like_ptr[user + 1]]
        key = hash_member(stream_key(seed, np.uint64(_STREAM), keys[case]), pids[case])
        window, found, attempt = _WINDOW, 0, 0
        while found < width:
            first = max(0, min(position[positive] - window, catalogue - 2 * window - 1))
            last = min(catalogue, first + 2 * window + 1)
            for _ in range(_ATTEMPTS_A_WINDOW):
                if found == width:
                    break
                bits = hash_member(key, np.uint64(attempt))
                attempt += 1
                playlist = order[first + np.int64((bits >> np.uint64(11)) % np.uint64(last - first))]
                place = np.searchsorted(liked, np.uint32(playlist))
                taken = playlist == positive or (place < len(liked) and liked[place] == playlist)
                for earlier in range(found):
                    taken = taken or negatives[case, earlier] == playlist
                if not taken:
                    negatives[case, found] = playlist
                    found += 1
            if found < width and last - first == catalogue:
                return negatives, case
            window *= 4
    return negatives, -1

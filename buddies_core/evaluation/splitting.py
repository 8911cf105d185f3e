"""Who is set aside whole, and how the liked playlists of the others are split into train, validation and test."""

import numpy as np
from numba import njit

from buddies_core.kernels.randomness import COLD, ROUNDING, SPLIT, hash_member, stream_key, uniform

COLD_SHARE = 0.05
FEWEST_TO_SPLIT = 5
TRAIN_TENTHS, SEEN_TENTHS = 7, 9
TRAIN, VALIDATION, TEST = range(3)
SPLIT_NAMES = ("train", "validation", "test")
"""Names of the split codes, in the order of the codes."""


def cold_users(keys: np.ndarray, seed: int, *, share: float = COLD_SHARE) -> np.ndarray:
    """Which of the users with these keys are set aside whole, bool [n], from (seed, user id) alone."""
    return uniform(seed, COLD, np.asarray(keys, np.uint64)) < share


def toy_users(keys: np.ndarray, seed: int, *, share: float) -> np.ndarray:
    """Which of the users with these keys a toy set keeps, bool [n]; independent of who is cold."""
    from buddies_core.kernels.randomness import TOY

    return uniform(seed, TOY, np.asarray(keys, np.uint64)) < share


def split_likes(keys: np.ndarray, offsets: np.ndarray, pids: np.ndarray, seed: int) -> np.ndarray:
    """The split of every like: 70/20/10 of each user's likes in the order of their hashes of (seed, user id, pid).

    Both cuts are rounded by one lot of the user's, down or up: 0.7 n and 0.9 n of n likes are expected before them, so
    that of five likes, too, one in two users has a test like. While a user's likes are the same, so are their splits.

    Args:
        keys: key of each user, [n]; `pids[offsets[i]:offsets[i + 1]]` are the i-th user's likes, in any order.

    Returns:
        uint8 [len(pids)]: TRAIN, VALIDATION or TEST. A user with fewer than 5 likes keeps them all in train.
    """
    return _split(
        np.asarray(keys, np.uint64), np.asarray(offsets, np.int64), np.asarray(pids, np.uint32), np.uint64(seed)
    )


@njit(nogil=True, cache=True)
def _rounded(tenths, lot):
    """`tenths` / 10, rounded up as often as its fraction says; `lot` is uniform below 2**32."""
    return np.int64((np.uint64(tenths) << np.uint64(32)) // np.uint64(10) + lot >> np.uint64(32))


@njit(nogil=True, cache=True)
def _split(keys, offsets, pids, seed):
    splits = np.zeros(len(pids), np.uint8)
    for row in range(len(keys)):
        start, stop = offsets[row], offsets[row + 1]
        n = stop - start
        if n < FEWEST_TO_SPLIT:
            continue
        key = stream_key(seed, np.uint64(SPLIT), keys[row])
        hashes = np.empty(n, np.uint64)
        for i in range(n):
            hashes[i] = hash_member(key, np.uint64(pids[start + i]))
        lot = hash_member(stream_key(seed, np.uint64(ROUNDING), keys[row]), np.uint64(0)) >> np.uint64(32)
        # Hashes of one stream are distinct, so two order statistics cut the likes exactly.
        ordered = np.sort(hashes)
        last_train = ordered[_rounded(n * TRAIN_TENTHS, lot) - 1]
        last_seen = ordered[_rounded(n * SEEN_TENTHS, lot) - 1]
        for i in range(n):
            splits[start + i] = TRAIN if hashes[i] <= last_train else VALIDATION if hashes[i] <= last_seen else TEST
    return splits

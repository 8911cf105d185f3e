"""Triplets: user-blocks exploded to (user, positive, negative) and shuffled without ever holding them all."""

import numpy as np

from buddies_core.interactions.samples import Blocks
from buddies_core.kernels.drawing import MISSING
from buddies_core.kernels.randomness import SHUFFLE, hash_pairs

Triplets = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(user, positive, negative), uint32, one triplet a position."""


def explode(blocks: Blocks) -> Triplets:
    """One triplet for each negative of each block, in block order; missing negatives give none."""
    present = blocks.negatives != MISSING
    counts = present.sum(axis=1)
    return np.repeat(blocks.user, counts), np.repeat(blocks.positive, counts), blocks.negatives[present]


def shuffle_hashes(triplets: Triplets, keys: np.ndarray, pids: np.ndarray, seed: int) -> np.ndarray:
    """64 random bits a triplet, from (seed, user id, pids) alone: its place in the shuffled order.

    Args:
        keys: key of every user, uint64 [n_users]; pids: of every playlist, uint32 [n_playlists].
    """
    user, positive, negative = triplets
    pair = pids[positive].astype(np.uint64) << np.uint64(32) | pids[negative]
    return hash_pairs(seed, SHUFFLE, keys[user], pair)


def bucket_of(hashes: np.ndarray, n_buckets: int) -> np.ndarray:
    """The bucket of each hash, uint32: triplets are written to buckets first, then each bucket is ordered."""
    return (hashes % np.uint64(n_buckets)).astype(np.uint32)


def order_in_bucket(triplets: Triplets, hashes: np.ndarray) -> np.ndarray:
    """The positions of a bucket's triplets in shuffled order (by hash, then triplet), int64."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    if np.any(ordered[1:] == ordered[:-1]):
        user, positive, negative = triplets
        order = np.lexsort((negative, positive, user, hashes))
    return order

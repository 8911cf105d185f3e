"""Where a playlist goes, train, validation or test: by its content, so that two copies of one stay on one side."""

import numpy as np

from buddies_core.kernels.randomness import SPLIT, hash_pairs, uniform
from buddies_core.sequences.corpus import Sequences

PARTS = ("train", "validation", "test")


def content_hashes(sequences: Sequences) -> np.ndarray:
    """A hash of each playlist's set of songs, uint64 [n]: within one vocabulary the same for the same songs."""
    own = hash_pairs(0, SPLIT, sequences.songs)
    with np.errstate(over="ignore"):
        return np.add.reduceat(own, sequences.indptr[:-1])


def parts_of(hashes: np.ndarray, *, seed: int, shares: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> np.ndarray:
    """Part of each content, an index into `PARTS`, int8 [n]."""
    u = uniform(seed, SPLIT, hashes)
    return ((u >= shares[0]).astype(np.int8) + (u >= shares[0] + shares[1])).astype(np.int8)


def folds_of(hashes: np.ndarray, *, seed: int, folds: int) -> np.ndarray:
    """Fold of each content, int8 [n]: what a ranker learns from was never seen by the models it ranks."""
    return (uniform(seed + 1, SPLIT, hashes) * folds).astype(np.int8)


def without_copies(judged: Sequences, train: Sequences) -> Sequences:
    """Playlists that hold the songs of no training playlist; both are over one vocabulary."""
    return judged.take(~np.isin(content_hashes(judged), content_hashes(train)))

"""Splits the plain way: sort each user's likes by hash and cut the list at two places that a lot rounds."""

from fractions import Fraction

import numpy as np

from buddies_core.evaluation.splitting import TEST, TRAIN, VALIDATION
from buddies_core.kernels.randomness import ROUNDING, SPLIT, hash_pair, hash_pairs


def split_user(key: int, pids: np.ndarray, seed: int) -> dict[int, int]:
    """Pid -> split of one user's likes."""
    n = len(pids)
    if n < 5:
        return dict.fromkeys((int(p) for p in pids), TRAIN)
    ordered = [int(p) for p in pids[np.argsort(hash_pairs(seed, SPLIT, key, pids))]]
    lot = Fraction(int(hash_pair(seed, ROUNDING, key, 0)) >> 32, 2**32)
    train, seen = (int(Fraction(n * tenths, 10) + lot) for tenths in (7, 9))
    return (
        dict.fromkeys(ordered[:train], TRAIN)
        | dict.fromkeys(ordered[train:seen], VALIDATION)
        | dict.fromkeys(ordered[seen:], TEST)
    )

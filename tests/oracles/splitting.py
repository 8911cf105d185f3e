"""Splits the plain way: sort each user's likes by hash and cut the list."""

import math

import numpy as np

from buddies_core.evaluation.splitting import TEST, TRAIN, VALIDATION
from buddies_core.kernels.randomness import SPLIT, hash_pairs


def split_user(key: int, pids: np.ndarray, seed: int) -> dict[int, int]:
    """Pid -> split of one user's likes."""
    n = len(pids)
    if n < 5:
        return dict.fromkeys((int(p) for p in pids), TRAIN)
    ordered = [int(p) for p in pids[np.argsort(hash_pairs(seed, SPLIT, key, pids))]]
    train, seen = math.ceil(n * 7 / 10), math.ceil(n * 9 / 10)
    return (
        dict.fromkeys(ordered[:train], TRAIN)
        | dict.fromkeys(ordered[train:seen], VALIDATION)
        | dict.fromkeys(ordered[seen:], TEST)
    )

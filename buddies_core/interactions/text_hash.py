"""Draws for pairs of text ids: a function of the ids and the seed, whatever rows or order they come in."""

import hashlib
from collections.abc import Sequence

import numpy as np


def hashed_share(left: Sequence[str], right: Sequence[str], *, seed: int) -> np.ndarray:
    """A number in [0, 1) for each pair, float64, by BLAKE2 of (seed, left, right)."""
    found = np.empty(len(left))
    head = f"{seed}\0".encode()
    for place, (one, other) in enumerate(zip(left, right, strict=True)):
        key = hashlib.blake2b(head + f"{len(one)}\0{one}\0{other}".encode(), digest_size=8).digest()
        found[place] = int.from_bytes(key, "little") / 2.0**64
    return found

"""Which users are given the challenger: a fixed draw by hash of the user, the same in every process and version."""

import numpy as np

_STREAM = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_SCALE = 2.0**-64


def draw(user: int) -> float:
    """A number in [0, 1) that depends on the user alone (splitmix64)."""
    value = (user + 1) * _STREAM & _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return (value ^ (value >> 31)) * _SCALE


def draws(users: np.ndarray) -> np.ndarray:
    """`draw` for an array of users; float64 of the same shape."""
    with np.errstate(over="ignore"):
        value = (users.astype(np.uint64) + np.uint64(1)) * np.uint64(_STREAM)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (value ^ (value >> np.uint64(31))) * _SCALE

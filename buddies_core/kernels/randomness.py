"""Counter-based randomness: every draw is a hash of (seed, stream, a, b), never the state of a generator.

A result therefore depends on the seed and the entity alone, not on threads, shards, order or machine.
The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood 2014). Each function has a numba form for kernels
(`hash_pair`) and a numpy form for tables (`hash_pairs`); tests hold them equal bit for bit.
"""

import numpy as np
from numba import njit, uint64
from numpy.typing import ArrayLike

EXPLORATION, COLD, SPLIT, HARD, EASY, BLOCK, BATCH, CANDIDATE, TOY, SHUFFLE, PAIRING, TRAINING, TIE = range(1, 14)
TASTE, HIDDEN, ROUNDING, SONG_FOLD, SONG_HIDDEN, SONG_THIN = range(14, 20)
"""Streams: one per purpose, so that two draws for the same entity are independent."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
"""Constants of SplitMix64."""


@njit(uint64(uint64), inline="always", cache=True)
def mix(x):
    """SplitMix64's finaliser: a bijection of 64 bits in which each input bit flips half of the output bits."""
    x = (x ^ (x >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> uint64(27))) * uint64(0x94D049BB133111EB)
    return x ^ (x >> uint64(31))


@njit(uint64(uint64, uint64, uint64), inline="always", cache=True)
def stream_key(seed, stream, a):
    """Key of one entity's stream; kernels compute it once for a user and then call `hash_member` for each member."""
    golden = uint64(0x9E3779B97F4A7C15)
    return mix(mix(seed * golden + stream) + (a + uint64(1)) * golden)


@njit(uint64(uint64, uint64), inline="always", cache=True)
def hash_member(key, b):
    """64 random bits for member `b` of the stream `key`."""
    return mix(key + (b + uint64(1)) * uint64(0x9E3779B97F4A7C15))


@njit(uint64(uint64, uint64, uint64, uint64), cache=True)
def hash_pair(seed, stream, a, b):
    """64 random bits for (seed, stream, a, b)."""
    return hash_member(stream_key(seed, stream, a), b)


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * MIX_1
    x = (x ^ (x >> np.uint64(27))) * MIX_2
    return x ^ (x >> np.uint64(31))


def hash_pairs(seed: int, stream: int, a: ArrayLike, b: ArrayLike = 0) -> np.ndarray:
    """`hash_pair` for whole arrays, in numpy; `a` and `b` broadcast.

    Returns:
        uint64 array of the broadcast shape.
    """
    a, b = np.broadcast_arrays(np.asarray(a, np.uint64), np.asarray(b, np.uint64))
    with np.errstate(over="ignore"):
        start = _mix(np.atleast_1d(np.uint64(seed)) * GOLDEN + np.uint64(stream))
        key = _mix(start + (a + np.uint64(1)) * GOLDEN)
        return _mix(key + (b + np.uint64(1)) * GOLDEN)


def uniform(seed: int, stream: int, a: ArrayLike, b: ArrayLike = 0) -> np.ndarray:
    """Uniform numbers in the open interval (0, 1), float64, for (seed, stream, a, b)."""
    return ((hash_pairs(seed, stream, a, b) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

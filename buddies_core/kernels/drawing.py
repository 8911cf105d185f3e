"""Uniform draws inside kernels, each from (key, counter)."""

import numpy as np
from numba import njit

from buddies_core.kernels.randomness import hash_member, stream_key

MISSING = np.uint32(0xFFFFFFFF)
"""Stands where a negative could not be had; never a playlist."""
ATTEMPTS = 64


@njit(nogil=True, cache=True)
def below(key, counter, n):
    """A number in [0, n) for n < 2**32; the bias is below n / 2**32."""
    return np.int64((hash_member(key, np.uint64(counter)) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32))


@njit(nogil=True, cache=True)
def pair_key(seed, stream, user, playlist):
    """Key of the stream of one (user, playlist) pair."""
    entity = np.uint64(user) << np.uint64(32) | np.uint64(playlist)
    return stream_key(np.uint64(seed), np.uint64(stream), entity)


@njit(nogil=True, cache=True)
def draw_members(key, counter, pool, wanted, out, filled):
    """Appends `wanted` <= len(pool) distinct members of `pool` to `out[filled:]`, by Floyd's subset algorithm."""
    first = filled
    for top in range(len(pool) - wanted, len(pool)):
        chosen = pool[below(key, counter + filled - first, top + 1)]
        for i in range(first, filled):
            if out[i] == chosen:
                chosen = pool[top]
                break
        out[filled] = chosen
        filled += 1
    return filled


@njit(nogil=True, cache=True)
def draw_from_catalogue(key, counter, stamps, barred, taken, wanted, out, filled):
    """Appends `wanted` distinct playlists whose stamp is neither `barred` nor `taken`; stamps them `taken`.

    The caller makes sure that so many exist. After 64 misses for one draw, the next free playlist (cyclic) is taken,
    so that a crowded catalogue ends too.
    """
    n = len(stamps)
    for _ in range(wanted):
        for _attempt in range(ATTEMPTS):
            playlist = below(key, counter, n)
            counter += 1
            if stamps[playlist] != barred and stamps[playlist] != taken:
                break
        while stamps[playlist] == barred or stamps[playlist] == taken:
            playlist = (playlist + 1) % n
        stamps[playlist] = taken
        out[filled] = playlist
        filled += 1
    return filled

"""Negatives drawn for groups of a shard, compiled."""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from buddies_core.kernels.randomness import hash_member, stream_key
from buddies_core.recommenders.bpr.data import NO_PLAYLIST

STORED, HARD, EASY, UNIFORM, POPULAR = range(5)
"""What a slot draws from."""
_ATTEMPTS = 64
_NONE = int(NO_PLAYLIST)
_FILTER_BITS = 13
_PART = 1 << 13


class Groups(NamedTuple):
    """Users and positives uint32 [n] of the groups, and their stored negatives uint32 [n, width]."""

    users: np.ndarray
    positives: np.ndarray
    stored: np.ndarray


class Mix(NamedTuple):
    """What each slot of a group draws from, int64 [slots]; a stored one reads a column, -1 where there is none."""

    kinds: np.ndarray
    columns: np.ndarray


class Catalogue(NamedTuple):
    """All playlists in the order of their keys.

    Attributes:
        rows: uint32 [n], the row of each; empty where the rows are in that order, which saves looking them up.
        cells: uint64 [n], the alias table of their popularity: threshold above, alias below.
    """

    rows: np.ndarray
    cells: np.ndarray


class Lists(NamedTuple):
    """Playlists of each user: a `Library` as kernels take it."""

    indptr: np.ndarray
    indices: np.ndarray


@njit(nogil=True, cache=True)
def _has(indices, low, high, value):
    """Whether the sorted `indices[low:high]` hold a value."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if indices[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < end and indices[low] == value


@njit(nogil=True, cache=True, inline="always")
def _bit_of(playlist):
    """A playlist's place in the filter: the high bits of a multiplicative hash."""
    return np.int64((np.uint64(playlist) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _FILTER_BITS))


@njit(nogil=True, cache=True)
def _fill_filter(filter_words, likes):
    """Mark a user's likes: a playlist whose bit is clear is not liked, one whose bit is set must be looked up."""
    filter_words[:] = np.uint64(0)
    for playlist in likes:
        bit = _bit_of(playlist)
        filter_words[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@njit(nogil=True, cache=True)
def _not_liked(key, slot, kind, rows, cells, filter_words, likes):
    """A playlist from the whole catalogue that is not among the sorted `likes`; none after too many attempts."""
    catalogue = np.uint64(len(cells))
    for attempt in range(_ATTEMPTS):
        bits = hash_member(key, np.uint64(slot + (attempt << 8)))
        place = np.int64(((bits >> np.uint64(32)) * catalogue) >> np.uint64(32))
        if kind == POPULAR:
            cell = cells[place]
            if (bits & np.uint64(0xFFFFFFFF)) >= (cell >> np.uint64(32)):
                place = np.int64(cell & np.uint64(0xFFFFFFFF))
        playlist = np.int64(rows[place]) if len(rows) else place
        bit = _bit_of(playlist)
        marked = (filter_words[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1)
        if not marked or not _has(likes, 0, len(likes), playlist):
            return np.uint32(playlist)
    return np.uint32(_NONE)


@njit(parallel=True, nogil=True, cache=True)
def draw_negatives(groups, mix, seed, stream, keys, likes, hard, easy, catalogue):
    """Negatives of the groups, uint32 [n, slots]; `keys` are those of the users and of the playlists."""
    users, positives, stored = groups
    kinds, columns = mix
    user_keys, playlist_keys = keys
    like_ptr, liked = likes
    hard_ptr, hard_pool = hard
    easy_ptr, easy_pool = easy
    rows, cells = catalogue
    n = len(users)
    drawn = np.empty((n, len(kinds)), np.uint32)
    parts = -(-n // _PART)
    for part in prange(parts):
        filter_words = np.empty((1 << _FILTER_BITS) >> 6, np.uint64)
        known = np.int64(-1)
        for group in range(part * _PART, min(n, (part + 1) * _PART)):
            user = np.int64(users[group])
            mine = liked[like_ptr[user] : like_ptr[user + 1]]
            if user != known:
                _fill_filter(filter_words, mine)
                known = user
            key = hash_member(stream_key(seed, stream, user_keys[user]), playlist_keys[positives[group]])
            for slot in range(len(kinds)):
                kind = kinds[slot]
                chosen = np.uint32(_NONE)
                if kind == STORED:
                    if columns[slot] >= 0:
                        chosen = stored[group, columns[slot]]
                elif kind in (UNIFORM, POPULAR):
                    chosen = _not_liked(key, slot, kind, rows, cells, filter_words, mine)
                else:
                    pool = hard_pool if kind == HARD else easy_pool
                    start = hard_ptr[user] if kind == HARD else easy_ptr[user]
                    size = (hard_ptr[user + 1] if kind == HARD else easy_ptr[user + 1]) - start
                    if size > 0:
                        bits = hash_member(key, np.uint64(slot))
                        chosen = pool[start + np.int64((bits >> np.uint64(11)) % np.uint64(size))]
                drawn[group, slot] = chosen
    return drawn

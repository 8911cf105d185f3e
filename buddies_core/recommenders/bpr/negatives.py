"""Negatives of a shard, drawn from the configured mix.

A draw is a hash of (seed, epoch, user, positive, slot, attempt), of users and playlists by their own keys and from the
catalogue in the order of keys: the same in whatever rows they stand, on any shard size, thread count or backend.
Hard and easy negatives come from the block itself, or anew from the user's sampled pools; uniform and popular ones
from the whole catalogue less the user's train likes (held-out likes are unknown to training, and stay possible).
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TRAINING, hash_member, stream_key
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import NO_PLAYLIST, Blocks
from buddies_core.recommenders.bpr.errors import NegativesError
from buddies_core.recommenders.factors import RowKeys

_STORED, _HARD, _EASY, _UNIFORM, _POPULAR = range(5)
_STREAM = TRAINING << 8 | 3
_ATTEMPTS = 64
_NONE = int(NO_PLAYLIST)
_FILTER_BITS = 13
_PART = 1 << 13


class _Groups(NamedTuple):
    """Users and positives uint32 [n] of the groups, and their stored negatives uint32 [n, width]."""

    users: np.ndarray
    positives: np.ndarray
    stored: np.ndarray


class _Mix(NamedTuple):
    """What each slot of a group draws from, int64 [slots]; a stored one reads a column, -1 where there is none."""

    kinds: np.ndarray
    columns: np.ndarray


class _Catalogue(NamedTuple):
    """All playlists in the order of their keys.

    Attributes:
        rows: uint32 [n], the row of each; empty where the rows are in that order, which saves looking them up.
        cells: uint64 [n], the alias table of their popularity: threshold above, alias below.
    """

    rows: np.ndarray
    cells: np.ndarray


class _Lists(NamedTuple):
    """Playlists of each user: a `Library` as kernels take it."""

    indptr: np.ndarray
    indices: np.ndarray


class NegativeSampler:
    """Draws the negatives of one training.

    Raises:
        NegativesError: The mix draws anew from pools that were not given.
    """

    def __init__(
        self,
        config: TrainingConfig,
        *,
        likes: Library,
        popularity: np.ndarray,
        hard: Library | None,
        easy: Library | None,
        keys: RowKeys | None = None,
    ):
        mix = config.negatives
        if mix.resample and ((mix.hard and hard is None) or (mix.easy and easy is None)):
            raise NegativesError(
                "the mix draws hard or easy negatives anew, but the data has no pools: "
                "give the pools of `scores`, or set negatives.resample to false"
            )
        self._config = config
        self._keys = keys or RowKeys.of_rows(likes.n_rows, likes.n_columns)
        empty = Library(np.zeros(likes.n_rows + 1, np.int64), np.empty(0, np.uint32), likes.n_columns)
        self._likes, self._hard, self._easy = (
            _Lists(x.indptr, x.indices) for x in (likes, hard or empty, easy or empty)
        )
        self._kinds, self._slots = _slots(config)
        self._as_stored = mix.stored and not mix.uniform and not mix.popular and mix.hard == mix.easy
        by_key = np.argsort(self._keys.playlists, kind="stable").astype(np.uint32)
        rows = by_key[: 0 if np.array_equal(by_key, np.arange(len(by_key))) else None]
        threshold, alias = alias_table(popularity[by_key].astype(np.float64) ** mix.alpha)
        self._catalogue = _Catalogue(rows, threshold.astype(np.uint64) << np.uint64(32) | alias)

    def replace(self, blocks: Blocks, epoch: int) -> Blocks:
        """The blocks with the negatives of an epoch; explicit negatives are left alone."""
        width = blocks.negatives.shape[1]
        if blocks.explicit or (self._as_stored and width == self._config.negatives.count) or not len(blocks):
            return blocks
        use_threads(self._config.threads)
        drawn = _draw(
            _Groups(blocks.users, blocks.positives, blocks.negatives),
            _Mix(self._kinds, _columns_of(self._kinds, self._slots, width)),
            np.uint64(self._config.seed),
            np.uint64(_STREAM | (epoch if self._config.negatives.resample else 0) << 16),
            (np.asarray(self._keys.users, np.uint64), np.asarray(self._keys.playlists, np.uint64)),
            self._likes,
            self._hard,
            self._easy,
            self._catalogue,
        )
        return replace(blocks, negatives=drawn)


def _slots(config: TrainingConfig) -> tuple[np.ndarray, np.ndarray]:
    """Kind of each negative's slot, and for a stored one its place: k of the hard half, -1 - k of the easy one."""
    mix = config.negatives
    kinds: list[tuple[int, int]] = []
    kinds += [(_STORED, k) if mix.stored else (_HARD, 0) for k in range(mix.hard)]
    kinds += [(_STORED, -1 - k) if mix.stored else (_EASY, 0) for k in range(mix.easy)]
    kinds += [(_UNIFORM, 0)] * mix.uniform + [(_POPULAR, 0)] * mix.popular
    return np.array([kind for kind, _ in kinds], np.int64), np.array([column for _, column in kinds], np.int64)


def _columns_of(kinds: np.ndarray, slots: np.ndarray, width: int) -> np.ndarray:
    """The column of a block of `width` negatives that each slot reads; -1 where the block has no such one."""
    half = width // 2
    hard = np.where(slots < half, slots, -1)
    easy = np.where(half - 1 - slots < width, half - 1 - slots, -1)
    return np.where(kinds == _STORED, np.where(slots >= 0, hard, easy), 0)


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
        if kind == _POPULAR:
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
def _draw(groups, mix, seed, stream, keys, likes, hard, easy, catalogue):
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
                if kind == _STORED:
                    if columns[slot] >= 0:
                        chosen = stored[group, columns[slot]]
                elif kind in (_UNIFORM, _POPULAR):
                    chosen = _not_liked(key, slot, kind, rows, cells, filter_words, mine)
                else:
                    pool = hard_pool if kind == _HARD else easy_pool
                    start = hard_ptr[user] if kind == _HARD else easy_ptr[user]
                    size = (hard_ptr[user + 1] if kind == _HARD else easy_ptr[user + 1]) - start
                    if size > 0:
                        bits = hash_member(key, np.uint64(slot))
                        chosen = pool[start + np.int64((bits >> np.uint64(11)) % np.uint64(size))]
                drawn[group, slot] = chosen
    return drawn


@njit(cache=True)
def _fill_alias(share, threshold, alias):
    n = len(share)
    small = np.empty(n, np.int64)
    large = np.empty(n, np.int64)
    n_small = n_large = 0
    for i in range(n):
        if share[i] < 1.0:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    for i in range(n):
        threshold[i] = np.uint32(0xFFFFFFFF)
        alias[i] = i
    while n_small and n_large:
        n_small -= 1
        below = small[n_small]
        above = large[n_large - 1]
        threshold[below] = np.uint32(share[below] * 4294967295.0)
        alias[below] = above
        share[above] -= 1.0 - share[below]
        if share[above] < 1.0:
            n_large -= 1
            small[n_small] = above
            n_small += 1


def alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's alias table of weights: a draw is one cell and one comparison, whatever the size.

    Returns:
        uint32 thresholds (out of 2^32) and uint32 aliases, both of the length of `weights`.
    """
    total = weights.sum()
    share = weights * (len(weights) / total) if total > 0 else np.ones(len(weights))
    threshold, alias = np.empty(len(weights), np.uint32), np.empty(len(weights), np.uint32)
    _fill_alias(share, threshold, alias)
    return threshold, alias

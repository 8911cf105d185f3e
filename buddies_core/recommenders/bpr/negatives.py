"""Negatives of a shard, drawn from the configured mix.

A draw is a hash of (seed, epoch, user, positive, slot, attempt): the same on any shard size, thread count or backend.
Hard and easy negatives come from the block itself, or anew from the user's sampled pools; uniform and popular ones
from the whole catalogue less the user's train likes (held-out likes are unknown to training, and stay possible).
"""

from dataclasses import replace

import numpy as np
from numba import njit, prange

from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TRAINING, hash_member, stream_key
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import NO_PLAYLIST, Blocks
from buddies_core.recommenders.bpr.errors import NegativesError

_STORED, _HARD, _EASY, _UNIFORM, _POPULAR = range(5)
_STREAM = TRAINING << 8 | 3
_ATTEMPTS = 64
_NONE = int(NO_PLAYLIST)
_FILTER_BITS = 13
_PART = 1 << 13


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
    ):
        mix = config.negatives
        if mix.resample and ((mix.hard and hard is None) or (mix.easy and easy is None)):
            raise NegativesError(
                "the mix draws hard or easy negatives anew, but the data has no pools: "
                "give the pools of `scores`, or set negatives.resample to false"
            )
        self._config = config
        self._likes = likes
        empty = Library(np.zeros(likes.n_rows + 1, np.int64), np.empty(0, np.uint32), likes.n_columns)
        self._hard, self._easy = hard or empty, easy or empty
        self._kinds, self._slots = _slots(config)
        self._as_stored = mix.stored and not mix.uniform and not mix.popular and mix.hard == mix.easy
        threshold, alias = alias_table(popularity.astype(np.float64) ** mix.alpha)
        self._cells = threshold.astype(np.uint64) << np.uint64(32) | alias

    def replace(self, blocks: Blocks, epoch: int) -> Blocks:
        """The blocks with the negatives of an epoch; explicit negatives are left alone."""
        width = blocks.negatives.shape[1]
        if blocks.explicit or (self._as_stored and width == self._config.negatives.count) or not len(blocks):
            return blocks
        use_threads(self._config.threads)
        drawn = _draw(
            blocks.users,
            blocks.positives,
            blocks.negatives,
            self._kinds,
            _columns_of(self._kinds, self._slots, width),
            np.uint64(self._config.seed),
            np.uint64(_STREAM | (epoch if self._config.negatives.resample else 0) << 16),
            self._likes.indptr,
            self._likes.indices,
            self._hard.indptr,
            self._hard.indices,
            self._easy.indptr,
            self._easy.indices,
            self._cells,
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
def _fill_filter(filter_words, likes, first, last):
    """Mark a user's likes: a playlist whose bit is clear is not liked, one whose bit is set must be looked up."""
    filter_words[:] = np.uint64(0)
    for place in range(first, last):
        bit = _bit_of(likes[place])
        filter_words[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@njit(nogil=True, cache=True)
def _not_liked(key, slot, kind, cells, filter_words, likes, first, last):
    """A playlist from the whole catalogue that is not among `likes[first:last]`; none after too many attempts."""
    catalogue = np.uint64(len(cells))
    for attempt in range(_ATTEMPTS):
        bits = hash_member(key, np.uint64(slot + (attempt << 8)))
        place = np.int64(((bits >> np.uint64(32)) * catalogue) >> np.uint64(32))
        if kind == _POPULAR:
            cell = cells[place]
            if (bits & np.uint64(0xFFFFFFFF)) >= (cell >> np.uint64(32)):
                place = np.int64(cell & np.uint64(0xFFFFFFFF))
        bit = _bit_of(place)
        marked = (filter_words[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1)
        if not marked or not _has(likes, first, last, place):
            return np.uint32(place)
    return np.uint32(_NONE)


@njit(parallel=True, nogil=True, cache=True)
def _draw(
    users, positives, stored, kinds, columns, seed, stream, like_ptr, likes, hard_ptr, hard, easy_ptr, easy, cells
):  # fmt: skip
    n = len(users)
    drawn = np.empty((n, len(kinds)), np.uint32)
    parts = -(-n // _PART)
    for part in prange(parts):
        filter_words = np.empty((1 << _FILTER_BITS) >> 6, np.uint64)
        known = np.int64(-1)
        for group in range(part * _PART, min(n, (part + 1) * _PART)):
            user = np.int64(users[group])
            first, last = like_ptr[user], like_ptr[user + 1]
            if user != known:
                _fill_filter(filter_words, likes, first, last)
                known = user
            key = hash_member(stream_key(seed, stream, np.uint64(user)), np.uint64(positives[group]))
            for slot in range(len(kinds)):
                kind = kinds[slot]
                chosen = np.uint32(_NONE)
                if kind == _STORED:
                    if columns[slot] >= 0:
                        chosen = stored[group, columns[slot]]
                elif kind in (_UNIFORM, _POPULAR):
                    chosen = _not_liked(key, slot, kind, cells, filter_words, likes, first, last)
                else:
                    pool = hard if kind == _HARD else easy
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

"""Negatives of a shard, drawn from the configured mix.

A draw is a hash of (seed, epoch, user, positive, slot, attempt): the same on any shard size, thread count or backend.
Hard and easy negatives come from the block itself, or anew from the user's sampled pools; uniform and popular ones
from the whole catalogue less the user's train likes (held-out likes are unknown to training, and stay possible).
"""

from dataclasses import replace

import numpy as np
from numba import njit, prange

from buddies_assets.algorithms.libraries import Library
from buddies_assets.algorithms.randomness import TRAINING, hash_member, stream_key
from buddies_assets.training.config import STORED_NEGATIVES, TrainingConfig
from buddies_assets.training.data import NO_PLAYLIST, Blocks
from buddies_assets.training.errors import NegativesError
from buddies_assets.training.threads import use_threads

_STORED, _HARD, _EASY, _UNIFORM, _POPULAR = range(5)
_STREAM = TRAINING << 8 | 3
_ATTEMPTS = 64
_NONE = int(NO_PLAYLIST)


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
        self._kinds, self._columns = _slots(config)
        self._as_stored = mix.stored and not mix.uniform and not mix.popular and mix.count == STORED_NEGATIVES
        self._threshold, self._alias = alias_table(popularity.astype(np.float64) ** mix.alpha)

    def replace(self, blocks: Blocks, epoch: int) -> Blocks:
        """The blocks with the negatives of an epoch; explicit negatives are left alone."""
        if blocks.explicit or self._as_stored or not len(blocks):
            return blocks
        use_threads(self._config.threads)
        drawn = _draw(
            blocks.users,
            blocks.positives,
            blocks.negatives,
            self._kinds,
            self._columns,
            np.uint64(self._config.seed),
            np.uint64(_STREAM | (epoch if self._config.negatives.resample else 0) << 16),
            self._likes.indptr,
            self._likes.indices,
            self._hard.indptr,
            self._hard.indices,
            self._easy.indptr,
            self._easy.indices,
            self._threshold,
            self._alias,
        )
        return replace(blocks, negatives=drawn)


def _slots(config: TrainingConfig) -> tuple[np.ndarray, np.ndarray]:
    """Kind of each negative's slot, and for a stored one its column in the block."""
    mix = config.negatives
    half = STORED_NEGATIVES // 2
    kinds: list[tuple[int, int]] = []
    kinds += [(_STORED, k) if mix.stored else (_HARD, 0) for k in range(mix.hard)]
    kinds += [(_STORED, half + k) if mix.stored else (_EASY, 0) for k in range(mix.easy)]
    kinds += [(_UNIFORM, 0)] * mix.uniform + [(_POPULAR, 0)] * mix.popular
    return np.array([kind for kind, _ in kinds], np.int64), np.array([column for _, column in kinds], np.int64)


@njit(nogil=True, cache=True)
def _member(indices, low, high, value):
    while low < high:
        middle = (low + high) >> 1
        if indices[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(parallel=True, nogil=True, cache=True)
def _draw(
    users,
    positives,
    stored,
    kinds,
    columns,
    seed,
    stream,
    like_ptr,
    likes,
    hard_ptr,
    hard,
    easy_ptr,
    easy,
    threshold,
    alias,
):
    n = len(users)
    catalogue = np.uint64(len(threshold))
    drawn = np.empty((n, len(kinds)), np.uint32)
    for group in prange(n):
        user = np.int64(users[group])
        key = hash_member(stream_key(seed, stream, np.uint64(user)), np.uint64(positives[group]))
        for slot in range(len(kinds)):
            kind = kinds[slot]
            chosen = np.uint32(_NONE)
            if kind == _STORED:
                chosen = stored[group, columns[slot]]
            elif kind in (_HARD, _EASY):
                pool = hard if kind == _HARD else easy
                first = hard_ptr[user] if kind == _HARD else easy_ptr[user]
                last = hard_ptr[user + 1] if kind == _HARD else easy_ptr[user + 1]
                if last > first:
                    bits = hash_member(key, np.uint64(slot))
                    chosen = pool[first + np.int64((bits >> np.uint64(11)) % np.uint64(last - first))]
            else:
                first, last = like_ptr[user], like_ptr[user + 1]
                for attempt in range(_ATTEMPTS):
                    bits = hash_member(key, np.uint64(slot + (attempt << 8)))
                    place = np.int64(((bits >> np.uint64(32)) * catalogue) >> np.uint64(32))
                    if kind == _POPULAR and np.uint32(bits & np.uint64(0xFFFFFFFF)) >= threshold[place]:
                        place = np.int64(alias[place])
                    found = _member(likes, first, last, np.uint32(place))
                    if found == last or likes[found] != place:
                        chosen = np.uint32(place)
                        break
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

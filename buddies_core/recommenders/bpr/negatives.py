"""Negatives of a shard, drawn from the configured mix.

A draw is a hash of (seed, epoch, user, positive, slot, attempt), of users and playlists by their own keys and from the
catalogue in the order of keys: the same in whatever rows they stand, on any shard size, thread count or backend.
Hard and easy negatives come from the block itself, or anew from the user's sampled pools; uniform and popular ones
from the whole catalogue less the user's train likes (held-out likes are unknown to training, and stay possible).
"""

from dataclasses import replace

import numpy as np

from buddies_core.interactions.csr import Library
from buddies_core.kernels.alias_table import alias_table
from buddies_core.kernels.randomness import TRAINING
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import Blocks
from buddies_core.recommenders.bpr.drawing_kernel import (
    EASY,
    HARD,
    POPULAR,
    STORED,
    UNIFORM,
    Catalogue,
    Groups,
    Lists,
    Mix,
    draw_negatives,
)
from buddies_core.recommenders.bpr.errors import NegativesError
from buddies_core.recommenders.factors import RowKeys

_STREAM = TRAINING << 8 | 3


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
            Lists(x.indptr, x.indices) for x in (likes, hard or empty, easy or empty)
        )
        self._kinds, self._slots = _slots(config)
        self._as_stored = mix.stored and not mix.uniform and not mix.popular and mix.hard == mix.easy
        by_key = np.argsort(self._keys.playlists, kind="stable").astype(np.uint32)
        rows = by_key[: 0 if np.array_equal(by_key, np.arange(len(by_key))) else None]
        chance, alias = alias_table(popularity[by_key].astype(np.float64) ** mix.alpha)
        threshold = (chance * 0xFFFFFFFF).astype(np.uint64)
        self._catalogue = Catalogue(rows, threshold << np.uint64(32) | alias)

    def replace(self, blocks: Blocks, epoch: int) -> Blocks:
        """The blocks with the negatives of an epoch; explicit negatives are left alone."""
        width = blocks.negatives.shape[1]
        if blocks.explicit or (self._as_stored and width == self._config.negatives.count) or not len(blocks):
            return blocks
        use_threads(self._config.threads)
        drawn = draw_negatives(
            Groups(blocks.users, blocks.positives, blocks.negatives),
            Mix(self._kinds, _columns_of(self._kinds, self._slots, width)),
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
    kinds += [(STORED, k) if mix.stored else (HARD, 0) for k in range(mix.hard)]
    kinds += [(STORED, -1 - k) if mix.stored else (EASY, 0) for k in range(mix.easy)]
    kinds += [(UNIFORM, 0)] * mix.uniform + [(POPULAR, 0)] * mix.popular
    return np.array([kind for kind, _ in kinds], np.int64), np.array([column for _, column in kinds], np.int64)


def _columns_of(kinds: np.ndarray, slots: np.ndarray, width: int) -> np.ndarray:
    """The column of a block of `width` negatives that each slot reads; -1 where the block has no such one."""
    half = width // 2
    hard = np.where(slots < half, slots, -1)
    easy = np.where(half - 1 - slots < width, half - 1 - slots, -1)
    return np.where(kinds == STORED, np.where(slots >= 0, hard, easy), 0)

"""Logistic matrix factorisation (Johnson, 2014): the chance that a listener has an item, by factors and two biases.

Sides take turns; a step is AdaGrad on the gradient of a row's likelihood, over what the row holds and a sample of what
it does not. The sample is a hash of (seed, step, the row's own content), so rows may come in any order, and a
listener who came later is placed among fixed items by the same steps.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
from numba import njit, prange
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.interactions.folds import row_keys
from buddies_core.interactions.side_rows import with_side_rows
from buddies_core.kernels.products import row_products
from buddies_core.kernels.randomness import TRAINING, hash_member, stream_key
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cosines import cosines
from buddies_core.recommenders.factors import random_rows
from buddies_core.tuning.space import Search

_STREAM = TRAINING << 8 | 11


class LogisticMfConfig(BaseModel):
    """What decides the factors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: Annotated[int, Search(16, 96, step=16)] = Field(default=32, ge=1, le=1_024, description="Per item.")
    alpha: Annotated[float, Search(0.5, 20.0, log=True)] = Field(
        default=5.0, gt=0.0, description="What a weight of 1 counts beside a sampled absence's 1."
    )
    ridge: Annotated[float, Search(0.05, 5.0, log=True)] = Field(default=0.6, ge=0.0, description="Penalty (lambda).")
    rate: float = Field(default=0.5, gt=0.0, le=10.0, description="First step of AdaGrad.")
    sweeps: int = Field(default=30, ge=1, le=500, description="Passes over both sides.")
    absent: int = Field(default=20, ge=1, le=200, description="Absences sampled for each interaction.")
    seed: int = Field(default=0, ge=0, description="Of the first factors and of the samples.")


class LogisticMf:
    """Factors of items.

    Attributes:
        config: of the fit.
        n_items: items known.
        items: float32 [n_items, d + 2]; the last two columns go with the listener's 1 and with the listener's bias.
    """

    def __init__(self, config: LogisticMfConfig | None = None) -> None:
        self.config = config or LogisticMfConfig()
        self.n_items = 0
        self.items: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`; side information is not used. The same bits whatever the number of threads."""
        if not interactions.nnz:
            raise TrainingError("logistic MF: there is no interaction to learn from")
        config = self.config
        rows = with_side_rows(interactions, None, 0.0)
        columns = rows.T.tocsr()
        n_users, self.n_items = rows.shape
        width = config.factors + 2
        listeners = np.zeros((n_users, width), np.float32)
        items = np.array(random_rows(np.arange(self.n_items), width, scale=0.1, seed=config.seed, side=5))
        listeners[:, -2], items[:, -2:] = 1.0, (0.0, 1.0)
        squares = [np.full(side.shape, 1e-8, np.float32) for side in (listeners, items)]
        keys = [row_keys(rows), row_keys(columns)]
        for sweep in range(config.sweeps):
            # The bias of a side is the column that the other side holds at 1.
            self._step(rows, listeners, items, squares[0], keys[0], sweep, fixed=width - 2)
            self._step(columns, items, listeners, squares[1], keys[1], sweep, fixed=width - 1)
        if not np.isfinite(items.sum(dtype=np.float64)):
            raise TrainingError("logistic MF: the factors are no longer finite; lower `rate` or `alpha`")
        self.items = items
        return self

    def _step(
        self,
        side: Any,
        mine: np.ndarray,
        other: np.ndarray,
        squares: np.ndarray,
        keys: np.ndarray,
        sweep: int,
        *,
        fixed: int,
    ) -> None:
        config = self.config
        _climb(
            side.indptr.astype(np.int64), side.indices.astype(np.int64), side.data.astype(np.float32),
            mine, other, squares, keys, np.uint64(config.seed), np.uint64(_STREAM + (sweep << 16)),
            np.float32(config.alpha), np.float32(config.ridge), np.float32(config.rate), config.absent, fixed,
        )  # fmt: skip

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`: log odds, but for what all items share."""
        listeners = np.zeros((histories.shape[0], self.items.shape[1]), np.float32)
        listeners[:, -2] = 1.0
        squares, keys = np.full(listeners.shape, 1e-8, np.float32), row_keys(histories)
        for sweep in range(self.config.sweeps):
            self._step(histories, listeners, self.items, squares, keys, sweep, fixed=listeners.shape[1] - 2)
        return row_products(listeners, self.items)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the cosine of factors, biases left out."""
        return cosines(self.items[:, :-2], items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`."""
        return {"items": self.items}

    @classmethod
    def from_arrays(cls, config: LogisticMfConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.items, model.n_items = np.ascontiguousarray(arrays["items"]), len(arrays["items"])
        return model


@njit(parallel=True, nogil=True, cache=True)
def _climb(indptr, indices, weights, mine, other, squares, keys, seed, stream, alpha, ridge, rate, absent, fixed):
    """One AdaGrad step up the log likelihood of every row; column `fixed` stays as it is."""
    width = mine.shape[1]
    for row in prange(len(mine)):
        first, last = indptr[row], indptr[row + 1]
        if first == last:
            continue
        gradient = np.zeros(width, np.float32)
        key = stream_key(seed, stream, keys[row])
        for at in range(first, last):
            gain = alpha * weights[at]
            chance = _chance(mine[row], other[indices[at]])
            for d in range(width):
                gradient[d] += gain * (np.float32(1.0) - chance) * other[indices[at], d]
        # A sampled item that the row has is passed over; each of the rest stands for its share of all that are absent.
        for draw in range((last - first) * absent):
            item = np.int64(hash_member(key, np.uint64(draw)) % np.uint64(len(other)))
            place = first + np.searchsorted(indices[first:last], item)
            if place < last and indices[place] == item:
                continue
            chance = _chance(mine[row], other[item])
            for d in range(width):
                gradient[d] -= chance * other[item, d]
        for d in range(width):
            if d == fixed:
                continue
            step = gradient[d] - ridge * mine[row, d]
            squares[row, d] += step * step
            mine[row, d] += rate * step / np.sqrt(squares[row, d])


@njit(nogil=True, cache=True)
def _chance(left, right):
    total = np.float32(0.0)
    for d in range(len(left)):
        total += left[d] * right[d]
    if total >= np.float32(0.0):
        return np.float32(1.0) / (np.float32(1.0) + np.exp(-total))
    odds = np.exp(total)
    return odds / (np.float32(1.0) + odds)

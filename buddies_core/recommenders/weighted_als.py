"""Implicit-feedback ALS of weighted interactions (Hu, Koren and Volinsky, 2008), for listeners known by what they have.

The sweeps are those of `als`; here a cell counts 1 + alpha times its weight, rows of side information stand below the
listeners', and only the items' factors are kept: a listener's own are solved from the history when asked for.
"""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.interactions.side_rows import with_side_rows
from buddies_core.kernels.products import row_products
from buddies_core.recommenders.als import solve_rows, starting_rows
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cosines import cosines
from buddies_core.recommenders.factors import RowKeys
from buddies_core.tuning.space import Search

_STEPS_ALONE = 12
"""Conjugate gradient for a listener who has no last sweep to begin from."""


class AlsConfig(BaseModel):
    """What decides the factors, given the interactions and the side information."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: Annotated[int, Search(32, 224, step=32)] = Field(default=96, ge=1, le=1_024, description="Per item.")
    alpha: Annotated[float, Search(2.0, 40.0, log=True)] = Field(
        default=13.0, gt=0.0, description="What a weight of 1 counts beyond an absent one's 1."
    )
    ridge: Annotated[float, Search(5.0, 100.0, log=True)] = Field(default=38.0, gt=0.0, description="Penalty (lambda).")
    sweeps: int = Field(default=15, ge=1, le=100, description="Passes over both sides.")
    feature_weight: float = Field(default=0.0, ge=0.0, description="Weight of the rows of side information; 0: none.")
    seed: int = Field(default=0, ge=0, description="Of the factors that the sweeps begin with.")


class WeightedAls:
    """Factors of items.

    Attributes:
        config: of the fit.
        n_items: items known.
        items: float32 [n_items, d]; d is `factors` rounded up to whole vectors, the rest zero.
    """

    def __init__(self, config: AlsConfig | None = None) -> None:
        self.config = config or AlsConfig()
        self.n_items = 0
        self.items: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`. The same bits whatever the number of threads."""
        from threadpoolctl import threadpool_limits

        if not interactions.nnz:
            raise TrainingError("ALS: there is no interaction to learn from")
        config = self.config
        rows = with_side_rows(interactions, features, config.feature_weight)
        sides = (rows, rows.T.tocsr())
        listeners, items = starting_rows(RowKeys.of_rows(*rows.shape), config.factors, seed=config.seed)
        with threadpool_limits(1, user_api="blas"):
            for _ in range(config.sweeps):
                for side, mine, other in ((sides[0], listeners, items), (sides[1], items, listeners)):
                    solve_rows(*_members(side), mine, other, alpha=config.alpha, l2=config.ridge)
        if not np.isfinite(items.sum(dtype=np.float64)):
            raise TrainingError("ALS: the factors are no longer finite; lower `alpha` or raise `ridge`")
        self.items, self.n_items = items, interactions.shape[1]
        return self

    def item_factors(self) -> np.ndarray:
        """See `FactorScorer`."""
        return self.items

    def listener_factors(self, histories: csr_array) -> np.ndarray:
        """See `FactorScorer`: the ridge regression of their histories on the items."""
        from threadpoolctl import threadpool_limits

        config = self.config
        found = np.zeros((histories.shape[0], self.items.shape[1]), np.float32)
        with threadpool_limits(1, user_api="blas"):
            solve_rows(*_members(histories), found, self.items, alpha=config.alpha, l2=config.ridge, steps=_STEPS_ALONE)
        return found

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return row_products(self.listener_factors(histories), self.items)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the cosine of factors."""
        return cosines(self.items, items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`."""
        return {"items": self.items}

    @classmethod
    def from_arrays(cls, config: AlsConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.items, model.n_items = np.ascontiguousarray(arrays["items"]), len(arrays["items"])
        return model


def _members(side: csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows as the kernel takes them."""
    return side.indptr.astype(np.int64), side.indices.astype(np.uint32), side.data.astype(np.float32)

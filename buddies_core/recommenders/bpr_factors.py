"""BPR of any interactions (Rendle et al., 2009), for listeners known by what they have.

Factors come from the trainer in `bpr`; who came later is placed by a linear map from the mean of the history's items
to the factors of a listener, a ridge regression on those who were trained.
"""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.kernels.products import row_products
from buddies_core.recommenders.bpr.config import NegativeMix, TrainingConfig
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cosines import cosines
from buddies_core.tuning.space import Search

_RIDGE = 1.0


class BprConfig(BaseModel):
    """What decides the factors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: Annotated[int, Search(32, 128, step=32)] = Field(default=64, ge=2, le=1_024, description="Per item.")
    rate: Annotated[float, Search(0.005, 0.1, log=True)] = Field(default=0.05, gt=0.0, description="Step size.")
    l2: Annotated[float, Search(1e-4, 0.1, log=True)] = Field(default=0.01, ge=0.0, description="Penalty on a step.")
    epochs: int = Field(default=30, ge=1, le=200, description="Passes over the interactions.")
    seed: int = Field(default=0, ge=0, description="Of the first factors and of the negatives.")


class BprFactors:
    """Factors of items, and the map from histories to listeners.

    Attributes:
        config: of the fit.
        n_items: items known.
        items: float32 [n_items, d]; bias: float32 [n_items]; placing: float32 [d + 1, d], its last row for everybody.
    """

    def __init__(self, config: BprConfig | None = None) -> None:
        self.config = config or BprConfig()
        self.n_items = 0
        self.items: np.ndarray
        self.bias: np.ndarray
        self.placing: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`; weights and side information are not used."""
        from threadpoolctl import threadpool_limits

        from buddies_core.recommenders.bpr.data import Blocks, EvaluationCases, TrainingData
        from buddies_core.recommenders.bpr.trainer import train

        if not interactions.nnz:
            raise TrainingError("BPR: there is no interaction to learn from")
        config = self.config
        n_users, self.n_items = interactions.shape
        users = np.repeat(np.arange(n_users, dtype=np.uint32), np.diff(interactions.indptr))
        items = interactions.indices.astype(np.uint32)
        none = np.empty((0, 1), np.uint32)
        data = TrainingData.from_blocks(
            Blocks(users, items, np.empty((len(users), 0), np.uint32)),
            n_users=n_users,
            n_playlists=self.n_items,
            validation=EvaluationCases(none[:, 0], none[:, 0], none),
        )
        trained = train(
            TrainingConfig(
                dimension=config.factors + 1, epochs=config.epochs, learning_rate=config.rate, l2=config.l2,
                negatives=NegativeMix(uniform=2, popular=2), item_bias=True, seed=config.seed, decay=0.97,
            ),
            data,
        ).factors  # fmt: skip
        self.items = np.ascontiguousarray(trained.playlists[:, :-1])
        self.bias = np.ascontiguousarray(trained.playlists[:, -1])
        known = np.diff(interactions.indptr) > 0
        inputs = self._means(interactions)[known].astype(np.float64)
        with threadpool_limits(1, user_api="blas"):
            gram = inputs.T @ inputs + _RIDGE * np.eye(inputs.shape[1])
            self.placing = np.linalg.solve(gram, inputs.T @ trained.users[known, :-1]).astype(np.float32)
        return self

    def _means(self, histories: csr_array) -> np.ndarray:
        """Mean factors of each history and a 1, float32 [n, d + 1]."""
        ones = csr_array((np.ones(histories.nnz, np.float32), histories.indices, histories.indptr), histories.shape)
        sums = np.asarray(ones @ self.items)
        lengths = np.maximum(np.diff(histories.indptr), 1).astype(np.float32)
        return np.column_stack([sums / lengths[:, None], np.ones(len(lengths), np.float32)])

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return row_products(row_products(self._means(histories), self.placing.T), self.items) + self.bias

    def listener_factors(self, histories: csr_array) -> np.ndarray:
        """See `FactorScorer`: a 1 for the bias behind them."""
        placed = row_products(self._means(histories), self.placing.T)
        return np.column_stack([placed, np.ones(len(placed), np.float32)])

    def item_factors(self) -> np.ndarray:
        """See `FactorScorer`."""
        return np.column_stack([self.items, self.bias])

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the cosine of factors."""
        return cosines(self.items, items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`."""
        return {"items": self.items, "bias": self.bias, "placing": self.placing}

    @classmethod
    def from_arrays(cls, config: BprConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.items, model.bias, model.placing = arrays["items"], arrays["bias"], arrays["placing"]
        model.n_items = len(model.items)
        return model

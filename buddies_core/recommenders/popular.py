"""Popularity: everybody gets what most listeners have, or what is played most."""

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.own_greatest import own_greatest


class PopularConfig(BaseModel):
    """What popularity counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["listeners", "weight"] = Field(
        default="listeners", description="`listeners`: who has it; `weight`: the sum of their weights (plays)."
    )


class Popular:
    """Popularity of items, the same for every listener; equal ones come in the order of the catalogue.

    Attributes:
        config: of the fit.
        n_items: items known.
        popularity: float32 [n_items].
    """

    def __init__(self, config: PopularConfig | None = None) -> None:
        self.config = config or PopularConfig()
        self.n_items = 0
        self.popularity: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`; side information says nothing of popularity."""
        if not interactions.nnz:
            raise TrainingError("popularity: there is no interaction to learn from")
        weights = interactions.data if self.config.by == "weight" else None
        counts = np.bincount(interactions.indices, weights=weights, minlength=interactions.shape[1])
        self.popularity, self.n_items = counts.astype(np.float32), interactions.shape[1]
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return np.tile(self.popularity, (histories.shape[0], 1))

    def listener_factors(self, histories: csr_array) -> np.ndarray:
        """See `FactorScorer`: ones."""
        return np.ones((histories.shape[0], 1), np.float32)

    def item_factors(self) -> np.ndarray:
        """See `FactorScorer`."""
        return self.popularity[:, None]

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: those as popular are alike."""
        height = np.log1p(self.popularity)
        return own_greatest((1.0 / (1.0 + np.abs(height[items, None] - height))).astype(np.float32), items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`."""
        return {"popularity": self.popularity}

    @classmethod
    def from_arrays(cls, config: PopularConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.popularity, model.n_items = arrays["popularity"], len(arrays["popularity"])
        return model

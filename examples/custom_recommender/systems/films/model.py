"""A model of one's own: an item is as good as the listeners are many that have it beside what this one has."""

from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array


class TogetherConfig(BaseModel):
    """What decides the counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    power: float = Field(default=0.5, ge=0.0, le=1.0, description="Counts are divided by popularity to this power.")


class Together:
    """How many listeners have two items together, over the popularity of the second."""

    def __init__(self, config: TogetherConfig | None = None) -> None:
        self.config = config or TogetherConfig()
        self.n_items = 0
        self.counts: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`."""
        has = interactions.astype(bool).astype(np.float32)
        together = (has.T @ has).toarray()
        holders = np.maximum(together.diagonal(), 1.0)
        self.counts, self.n_items = (together / holders**self.config.power).astype(np.float32), len(holders)
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return np.asarray(histories.astype(bool).astype(np.float32) @ self.counts)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`."""
        found = self.counts[items].copy()
        found[np.arange(len(items)), items] = np.inf
        return found

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`."""
        return {"counts": self.counts}

    @classmethod
    def from_arrays(cls, config: TogetherConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.counts, model.n_items = arrays["counts"], len(arrays["counts"])
        return model

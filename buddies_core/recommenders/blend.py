"""A blend: the weighted sum of several models' scores, each listener's standardised."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.recommenders.own_greatest import own_greatest
from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.source import Source
from buddies_core.recommenders.sources import fitted, restored, stored
from buddies_core.recommenders.standardised import known_items, standardised


class BlendConfig(BaseModel):
    """What is blended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Source, ...] = Field(
        default=(Source(model="DualEase"), Source(model="WeightedAls", weight=0.7)), min_length=1
    )


class Blend:
    """Several models of the same interactions as one.

    Attributes:
        config: of the fit.
        n_items: items known.
        models: in the order of the configuration's sources.
    """

    def __init__(self, config: BlendConfig | None = None) -> None:
        self.config = config or BlendConfig()
        self.n_items = 0
        self.models: Sequence[Recommender] = ()

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`."""
        self.models = fitted(self.config.sources, interactions, features)
        self.n_items = interactions.shape[1]
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        known = known_items(histories)
        total = np.zeros(histories.shape, np.float32)
        for source, model in zip(self.config.sources, self.models, strict=True):
            if source.weight:
                total += np.float32(source.weight) * standardised(model.scores(histories), known)
        return total

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the sum of the models' likenesses, standardised as well."""
        own = np.zeros((len(items), self.n_items), bool)
        own[np.arange(len(items)), items] = True
        total = np.zeros((len(items), self.n_items), np.float32)
        for source, model in zip(self.config.sources, self.models, strict=True):
            if source.weight:
                total += np.float32(source.weight) * standardised(model.similar(items), own)
        return own_greatest(total, items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: those of the models, each under its number."""
        return stored(self.models)

    @classmethod
    def from_arrays(cls, config: BlendConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.models = restored(config.sources, arrays)
        model.n_items = model.models[0].n_items
        return model

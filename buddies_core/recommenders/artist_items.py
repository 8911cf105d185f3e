"""Items of what the listener knows already: of the same artist, the most popular first."""

from collections.abc import Mapping
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.kernels.sparse_products import sparse_products
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.own_greatest import own_greatest


class ArtistItemsConfig(BaseModel):
    """What decides the order among the artists known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    popularity_power: float = Field(
        default=0.5, ge=0.0, le=2.0, description="An item counts by its listeners to this power."
    )


class ArtistItems:
    """Who has made what: an item scores by how much of its artist the listener has, times its popularity.

    Without side information everything is by one artist, and the order is that of popularity.

    Attributes:
        config: of the fit.
        n_items: items known.
        made: float32 [n_artists, n_items], 1 for the items of an artist.
        popularity: float32 [n_items], listeners to the power.
    """

    def __init__(self, config: ArtistItemsConfig | None = None) -> None:
        self.config = config or ArtistItemsConfig()
        self.n_items = 0
        self.made: csr_array
        self.popularity: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`; the features are the artists."""
        if not interactions.nnz:
            raise TrainingError("items of artists: there is no interaction to learn from")
        self.n_items = interactions.shape[1]
        holders = np.bincount(interactions.indices, minlength=self.n_items)
        self.popularity = (holders**self.config.popularity_power).astype(np.float32)
        told = np.ones((1, self.n_items)) if features is None else features
        self.made = csr_array(told, dtype=np.float32)
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return self.sparse_scores(histories).toarray()

    def sparse_scores(self, histories: csr_array) -> csr_array:
        """See `SparseScorer`."""
        found = sparse_products(sparse_products(histories, self._made_by), self.made)
        return csr_array((found.data * self.popularity[found.indices], found.indices, found.indptr), shape=found.shape)

    @cached_property
    def _made_by(self) -> csr_array:
        """float32 [n_items, n_artists]: of all items, so it is turned once and not for every listener."""
        return self.made.T.tocsr()

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: those of the same artist, by popularity."""
        return own_greatest((self._made_by[items] @ self.made).toarray() * self.popularity, items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: who has made what as CSR, and the popularity."""
        made = self.made
        return {"indptr": made.indptr, "indices": made.indices, "values": made.data, "popularity": self.popularity}

    @classmethod
    def from_arrays(cls, config: ArtistItemsConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.popularity, model.n_items = arrays["popularity"], len(arrays["popularity"])
        shape = (len(arrays["indptr"]) - 1, model.n_items)
        model.made = csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=shape)
        return model

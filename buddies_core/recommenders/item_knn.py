"""Item neighbours: an item is scored by how similar it is to those that a listener has.

Sarwar et al. (2001), with the asymmetric cosine of Aiolli (2013): `alpha` moves the weight between the item that the
listener has and the one that is scored, `locality` sharpens similarities so that the nearest few decide.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array, vstack

from buddies_core.kernels.sparse_products import sparse_products
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cooccurrence import nearest_items
from buddies_core.recommenders.own_greatest import own_greatest


class ItemKnnConfig(BaseModel):
    """What decides the similarities, given the interactions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: int = Field(default=200, ge=1, le=5_000, description="Similar items that an item keeps.")
    alpha: float = Field(default=0.5, ge=0.0, le=1.0, description="Share of the norm of the item scored; 0.5: cosine.")
    shrink: float = Field(default=0.0, ge=0.0, description="Added to the norms: distrusts what few have.")
    locality: float = Field(default=1.0, gt=0.0, le=5.0, description="Power of a similarity.")
    tf_idf: bool = Field(default=False, description="Weigh an item by the log of how few listeners have it.")
    feature_weight: float = Field(default=0.0, ge=0.0, description="Weight of the rows of side information; 0: none.")


class ItemKnn:
    """Sparse item-item similarities; a score is the sum over the listener's items.

    Attributes:
        config: of the fit.
        n_items: items known.
        similarities: float32 [n_items, n_items]; row i holds the neighbours of the item i that is scored.
    """

    def __init__(self, config: ItemKnnConfig | None = None) -> None:
        self.config = config or ItemKnnConfig()
        self.n_items = 0
        self.similarities: csr_array
        self._scored_by: csr_array

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`."""
        if not interactions.nnz:
            raise TrainingError("item neighbours: there is no interaction to learn from")
        rows = interactions.astype(np.float32)
        if self.config.tf_idf:
            holders = np.bincount(rows.indices, minlength=rows.shape[1])
            idf = np.log((1 + rows.shape[0]) / (1 + holders)).astype(np.float32)
            rows = csr_array((rows.data * idf[rows.indices], rows.indices, rows.indptr), shape=rows.shape)
            rows.eliminate_zeros()
        if features is not None and self.config.feature_weight:
            rows = vstack([rows, features * np.float32(self.config.feature_weight)], format="csr")
        found = nearest_items(rows, self.config.neighbours, alpha=self.config.alpha, shrink=self.config.shrink)
        found.data **= np.float32(self.config.locality)
        return self._set(found)

    def _set(self, similarities: csr_array) -> Self:
        self.similarities, self.n_items = similarities, similarities.shape[0]
        self._scored_by = similarities.T.tocsr()
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return self.sparse_scores(histories).toarray()

    def sparse_scores(self, histories: csr_array) -> csr_array:
        """See `SparseScorer`."""
        return sparse_products(histories, self._scored_by)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`."""
        return own_greatest(self.similarities[items].toarray(), items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: the similarities as CSR."""
        s = self.similarities
        return {"indptr": s.indptr, "indices": s.indices, "values": s.data}

    @classmethod
    def from_arrays(cls, config: ItemKnnConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        n_items = len(arrays["indptr"]) - 1
        found = csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=(n_items, n_items))
        return cls(config)._set(found)

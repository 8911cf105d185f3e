"""Item2Item: items whose descriptions are alike, by vectors of few dimensions (latent semantic indexing, 1990).

What is said of an item (its artist, release, year, words, the playlists that hold it) is a sparse row; its truncated
SVD gives a vector, a listener is the mean of the history's, and the nearest vectors are recommended. Neighbours of many
items are looked up in an index of usearch (HNSW) beyond `exact_items`, and by all products below.
"""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.kernels.products import row_products
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cosines import cosines
from buddies_core.tuning.space import Search

_OVERSAMPLED, _ITERATIONS = 10, 4


class Item2ItemConfig(BaseModel):
    """What decides the vectors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: Annotated[int, Search(16, 256, step=16)] = Field(default=100, ge=1, le=1_024, description="Of a vector.")
    exact_items: int = Field(default=50_000, ge=0, description="Items up to which neighbours are found by products.")


class Item2Item:
    """Vectors of items.

    Attributes:
        config: of the fit.
        n_items: items known.
        vectors: float32 [n_items, d], rows of length one, or zero where nothing is said of the item.
    """

    def __init__(self, config: Item2ItemConfig | None = None) -> None:
        self.config = config or Item2ItemConfig()
        self.n_items = 0
        self.vectors: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`; without side information items are described by the listeners who have them."""
        if not interactions.nnz:
            raise TrainingError("item2item: there is no interaction to learn from")
        said = interactions if features is None or not features.nnz else features
        rows = _weighed(said).T.tocsr()
        self.n_items = interactions.shape[1]
        vectors = _leading(rows, min(self.config.factors, *rows.shape))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        described = np.diff(rows.indptr)[:, None] > 0
        unit = np.where(described, vectors / np.maximum(lengths, 1e-9), 0.0)
        self.vectors = np.ascontiguousarray(unit, np.float32)
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`: cosines of the history's mean vector."""
        return row_products(self.listener_factors(histories), self.vectors)

    def item_factors(self) -> np.ndarray:
        """See `FactorScorer`."""
        return self.vectors

    def listener_factors(self, histories: csr_array) -> np.ndarray:
        """See `FactorScorer`: the mean of the history's vectors, of length one."""
        ones = csr_array((np.ones(histories.nnz, np.float32), histories.indices, histories.indptr), histories.shape)
        means = np.asarray(ones @ self.vectors)
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return means

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: cosines."""
        return cosines(self.vectors, items)

    def nearest(self, items: np.ndarray, count: int) -> np.ndarray:
        """The nearest others of items, int64 [len(items), count], nearest first; -1 where there are fewer."""
        if self.n_items <= self.config.exact_items:
            found = np.full((len(items), count), -1, np.int64)
            for first in range(0, len(items), 256):
                part = items[first : first + 256]
                alike = row_products(self.vectors[part], self.vectors)
                alike[np.arange(len(part)), part] = -np.inf
                order = np.argsort(-alike, axis=1, kind="stable")[:, : min(count, self.n_items - 1)]
                found[first : first + 256, : order.shape[1]] = order
            return found
        return nearest_vectors(self.vectors, items, count)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`."""
        return {"vectors": self.vectors}

    @classmethod
    def from_arrays(cls, config: Item2ItemConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.vectors, model.n_items = arrays["vectors"], len(arrays["vectors"])
        return model


def _leading(rows: csr_array, count: int) -> np.ndarray:
    """Rows in their leading directions, float64 [n_items, count], by randomised iteration (Halko et al., 2011)."""
    from threadpoolctl import threadpool_limits

    wide = rows.astype(np.float64)
    basis = np.random.default_rng(0).standard_normal((wide.shape[1], min(count + _OVERSAMPLED, *wide.shape)))
    with threadpool_limits(1, user_api="blas"):
        for _ in range(_ITERATIONS):
            basis = np.linalg.qr(wide.T @ np.linalg.qr(wide @ basis)[0])[0]
        left, sizes, _ = np.linalg.svd(wide @ basis, full_matrices=False)
    return np.asarray((left * sizes)[:, :count])


def _weighed(said: csr_array) -> csr_array:
    """Rows of descriptions in which one counts by how few items it says something of."""
    holders = np.maximum(np.diff(said.indptr), 1)
    weights = np.log1p(said.shape[1] / holders)
    of_row = np.repeat(np.arange(said.shape[0]), np.diff(said.indptr))
    return csr_array((said.data * weights[of_row], said.indices, said.indptr), shape=said.shape)


def nearest_vectors(vectors: np.ndarray, items: np.ndarray, count: int) -> np.ndarray:
    """The nearest others of items by an HNSW index, int64 [len(items), count], -1 where it finds fewer.

    Args:
        vectors: float32 [n_items, d], of length one or zero.
    """
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
    # One thread: the graph of an HNSW index depends on the order in which vectors come.
    index.add(np.arange(len(vectors)), vectors, threads=1)
    found = index.search(vectors[items], min(count + 1, len(vectors)), threads=1)
    keys = np.asarray(found.keys, np.int64).reshape(len(items), -1)
    result = np.full((len(items), count), -1, np.int64)
    for row, (item, near) in enumerate(zip(items.tolist(), keys.tolist(), strict=True)):
        others = [other for other in near if other != item][:count]
        result[row, : len(others)] = others
    return result

"""RP3beta: where a walk of three steps from a listener ends, item, listener, item (Paudel et al., 2016).

The chance of each end is divided by the popularity of the item to a power, or walks would end at what everybody has.
"""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.interactions.side_rows import with_side_rows
from buddies_core.kernels.sparse_products import sparse_products
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cooccurrence import nearest_by
from buddies_core.recommenders.own_greatest import own_greatest
from buddies_core.tuning.space import Search


class RandomWalkConfig(BaseModel):
    """What decides where walks are thought to end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    beta: Annotated[float, Search(0.0, 0.8)] = Field(
        default=0.2, ge=0.0, le=2.0, description="Ends are divided by the listeners of the item to this power."
    )
    feature_weight: float = Field(default=0.0, ge=0.0, description="Weight of the rows of side information; 0: none.")
    exact_rows: int = Field(
        default=200_000, ge=0, description="Listeners up to whom all ends count; beyond, `neighbours` of each item."
    )
    neighbours: int = Field(default=200, ge=1, le=5_000, description="Ends that an item keeps beyond that.")


class RandomWalk:
    """The bipartite graph of listeners and items; or, of many listeners, where walks from each item mostly end.

    Attributes:
        config: of the fit.
        n_items: items known.
        ends: float32 [n_items, n_items], of many listeners: row i holds where walks of two steps from i mostly end,
            divided already. The other arrays are not there then.
        graph: float32 [n_users, n_items], the interactions; out, back: float32 [n_users, n_items], the same with rows
            and with columns that sum to one; depth: float32 [n_items], listeners to the power beta.
    """

    def __init__(self, config: RandomWalkConfig | None = None) -> None:
        self.config = config or RandomWalkConfig()
        self.n_items = 0
        self.graph: csr_array
        self.out: csr_array
        self.back: csr_array
        self.depth: np.ndarray
        self.ends: csr_array | None = None

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`; rows of side information are walked like listeners."""
        if not interactions.nnz:
            raise TrainingError("random walk: there is no interaction to learn from")
        graph = with_side_rows(interactions, features, self.config.feature_weight)
        if interactions.shape[0] > self.config.exact_rows:
            return self._set_ends(nearest_ends(graph, self.config.beta, self.config.neighbours))
        return self._set(graph)

    def _set_ends(self, ends: csr_array) -> Self:
        self.ends, self.n_items = ends, ends.shape[0]
        return self

    def _set(self, graph: csr_array) -> Self:
        self.graph, self.n_items = graph, graph.shape[1]
        columns = np.bincount(graph.indices, weights=graph.data, minlength=self.n_items)
        values = (graph.data / columns[graph.indices]).astype(np.float32)
        self.back = csr_array((values, graph.indices, graph.indptr), shape=graph.shape)
        self.out = _rows_to_one(graph)
        holders = np.maximum(np.bincount(graph.indices, minlength=self.n_items), 1)
        self.depth = (holders**self.config.beta).astype(np.float32)
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        if self.ends is not None:
            return self.sparse_scores(histories).toarray()
        return ((_rows_to_one(histories) @ self.back.T) @ self.out).toarray() / self.depth

    def sparse_scores(self, histories: csr_array) -> csr_array:
        """See `SparseScorer`."""
        if self.ends is not None:
            return sparse_products(_rows_to_one(histories), self.ends)
        found = (_rows_to_one(histories) @ self.back.T) @ self.out
        return csr_array((found.data / self.depth[found.indices], found.indices, found.indptr), shape=found.shape)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: where walks of two steps from the item end."""
        if self.ends is not None:
            return own_greatest(self.ends[items].toarray(), items)
        return own_greatest((self.back.T.tocsr()[items] @ self.out).toarray() / self.depth, items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: the graph as CSR, and how many items there are."""
        shape = np.array([self.n_items])
        if self.ends is not None:
            ends = {"indptr": self.ends.indptr, "indices": self.ends.indices, "ends": self.ends.data}
            return ends | {"n_items": shape}
        graph = self.graph
        return {"indptr": graph.indptr, "indices": graph.indices, "values": graph.data, "n_items": shape}

    @classmethod
    def from_arrays(cls, config: RandomWalkConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        shape = (len(arrays["indptr"]) - 1, int(arrays["n_items"][0]))
        if "ends" in arrays:
            ends = csr_array((arrays["ends"], arrays["indices"], arrays["indptr"]), shape=shape)
            return cls(config)._set_ends(ends)
        return cls(config)._set(csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=shape))


def nearest_ends(graph: csr_array, beta: float, neighbours: int) -> csr_array:
    """Where walks of two steps from each item end most, float32 [n_items, n_items], `neighbours` a row.

    A step to a listener and back passes a row that sums to one: co-occurrences of rows divided by the root of their
    sums are the chances, once divided by the weight of the item that the walk sets out from.
    """
    of_row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    sums = np.bincount(of_row, weights=graph.data, minlength=graph.shape[0])
    values = (graph.data / np.sqrt(sums[of_row])).astype(np.float32)
    columns = np.bincount(graph.indices, weights=graph.data, minlength=graph.shape[1])
    holders = np.maximum(np.bincount(graph.indices, minlength=graph.shape[1]), 1)
    rows = csr_array((values, graph.indices, graph.indptr), shape=graph.shape)
    weights = (np.maximum(columns, 1e-12).astype(np.float32), (holders**beta).astype(np.float32))
    return nearest_by(rows, neighbours, *weights)


def _rows_to_one(rows: csr_array) -> csr_array:
    """Rows that sum to one; an empty one stays empty."""
    of_row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    sums = np.bincount(of_row, weights=rows.data, minlength=rows.shape[0])
    return csr_array(((rows.data / sums[of_row]).astype(np.float32), rows.indices, rows.indptr), shape=rows.shape)

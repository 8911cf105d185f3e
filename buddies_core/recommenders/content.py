"""Content: items whose features are those of what the listener has, such as tags."""

from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.sparse import csr_array

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.own_greatest import own_greatest


class ContentConfig(BaseModel):
    """Nothing is chosen: the features say it all."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Content:
    """Items by their features, each of length one; a listener is the sum of the history's, of length one too.

    Without side information the features are the listeners themselves: items are alike that the same people have.

    Attributes:
        config: of the fit.
        n_items: items known.
        vectors: float32 [n_items, n_features], rows of length one or zero.
    """

    def __init__(self, config: ContentConfig | None = None) -> None:
        self.config = config or ContentConfig()
        self.n_items = 0
        self.vectors: csr_array

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`."""
        if not interactions.nnz:
            raise TrainingError("content: there is no interaction to learn from")
        told = interactions if features is None or not features.nnz else features
        self.vectors, self.n_items = _length_one(told.T.tocsr().astype(np.float32)), interactions.shape[1]
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return (_length_one(histories.astype(np.float32) @ self.vectors) @ self.vectors.T).toarray()

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: cosines."""
        return own_greatest((self.vectors[items] @ self.vectors.T).toarray(), items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: the vectors as CSR, and how many features there are."""
        rows = self.vectors
        shape = np.array([rows.shape[1]])
        return {"indptr": rows.indptr, "indices": rows.indices, "values": rows.data, "n_features": shape}

    @classmethod
    def from_arrays(cls, config: ContentConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.n_items = len(arrays["indptr"]) - 1
        shape = (model.n_items, int(arrays["n_features"][0]))
        model.vectors = csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=shape)
        return model


def _length_one(rows: csr_array) -> csr_array:
    of_row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    lengths = np.sqrt(np.bincount(of_row, weights=rows.data.astype(np.float64) ** 2, minlength=rows.shape[0]))
    values = rows.data / np.maximum(lengths[of_row], 1e-12)
    return csr_array((values.astype(np.float32), rows.indices, rows.indptr), shape=rows.shape)

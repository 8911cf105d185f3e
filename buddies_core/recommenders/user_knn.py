"""User neighbours: an item is scored by the listeners most like this one who have it (Herlocker et al., 1999).

Likeness is the cosine of libraries in which an item counts by how few have it. Only whole rows of training are kept,
so a listener who came later, or who just played something, finds neighbours by the same product.
"""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.own_greatest import own_greatest
from buddies_core.tuning.space import Search

_CELLS_AT_ONCE = 1 << 24
"""Likenesses laid out together, float32."""


class UserKnnConfig(BaseModel):
    """What decides who is a neighbour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: Annotated[int, Search(20, 400, log=True)] = Field(
        default=80, ge=1, le=10_000, description="Listeners whose items count."
    )
    power: Annotated[float, Search(0.5, 3.0)] = Field(default=1.0, gt=0.0, le=5.0, description="Power of a likeness.")


class UserKnn:
    """Rows of the listeners of training.

    Attributes:
        config: of the fit.
        n_items: items known.
        rows: float32 [n_users, n_items], weights as fitted; idf: float32 [n_items].
    """

    def __init__(self, config: UserKnnConfig | None = None) -> None:
        self.config = config or UserKnnConfig()
        self.n_items = 0
        self.rows: csr_array
        self.idf: np.ndarray
        self._unit: csr_array

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`; side information is not used."""
        if not interactions.nnz:
            raise TrainingError("user neighbours: there is no interaction to learn from")
        holders = np.bincount(interactions.indices, minlength=interactions.shape[1])
        idf = np.log((1 + interactions.shape[0]) / (1 + holders)) + 0.1
        return self._set(interactions.astype(np.float32), idf.astype(np.float32))

    def _set(self, rows: csr_array, idf: np.ndarray) -> Self:
        self.rows, self.idf, self.n_items = rows, idf, rows.shape[1]
        self._unit = self._length_one(rows).T.tocsr()
        return self

    def _length_one(self, rows: csr_array) -> csr_array:
        values = rows.data.astype(np.float64) * self.idf[rows.indices]
        of_row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        lengths = np.sqrt(np.bincount(of_row, weights=values**2, minlength=rows.shape[0]))
        values = (values / np.maximum(lengths[of_row], 1e-12)).astype(np.float32)
        return csr_array((values, rows.indices, rows.indptr), shape=rows.shape)

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        found = np.empty(histories.shape, np.float32)
        unit = self._length_one(histories.astype(np.float32))
        step = max(1, _CELLS_AT_ONCE // self.rows.shape[0])
        for first in range(0, histories.shape[0], step):
            alike = self._nearest((unit[first : first + step] @ self._unit).toarray())
            found[first : first + step] = (csr_array(alike) @ self.rows).toarray()
        return found

    def _nearest(self, alike: np.ndarray) -> np.ndarray:
        """Likenesses to a power in which all but the greatest are zero; equal ones at the cut all stay."""
        count = self.config.neighbours
        if count < alike.shape[1]:
            least = np.partition(alike, alike.shape[1] - count, axis=1)[:, alike.shape[1] - count]
            alike[alike < least[:, None]] = 0.0
        return np.maximum(alike, 0.0) ** np.float32(self.config.power)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the cosine of who has them."""
        columns = self.rows.T.tocsr()
        lengths = np.maximum(np.sqrt(np.asarray(columns.multiply(columns).sum(axis=1)).ravel()), 1e-12)
        products = (columns[items] @ self.rows).toarray()
        return own_greatest((products / lengths[items][:, None] / lengths).astype(np.float32), items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: the rows as CSR, and the items' weights."""
        rows = self.rows
        return {"indptr": rows.indptr, "indices": rows.indices, "values": rows.data, "idf": self.idf}

    @classmethod
    def from_arrays(cls, config: UserKnnConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        shape = (len(arrays["indptr"]) - 1, len(arrays["idf"]))
        rows = csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=shape)
        return cls(config)._set(rows, arrays["idf"])

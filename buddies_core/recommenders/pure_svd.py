"""PureSVD: items by the leading directions of the interactions (Cremonesi, Koren and Turrin, 2010).

A listener is scored by the projection of the history on those directions, so one who came later is scored alike. The
eigenvectors are of the smaller of the two Gram matrices, so a fit takes min(users, items)^2 numbers.
"""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.interactions.side_rows import with_side_rows
from buddies_core.kernels.products import row_products
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cosines import cosines
from buddies_core.tuning.space import Search


class PureSvdConfig(BaseModel):
    """What decides the directions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: Annotated[int, Search(16, 160, step=16)] = Field(default=64, ge=1, le=1_024, description="Directions.")
    popularity_power: Annotated[float, Search(0.0, 0.4)] = Field(
        default=0.25, ge=0.0, le=1.0, description="Columns are divided by the listeners of the item to this power."
    )
    activity_power: float = Field(
        default=0.25, ge=0.0, le=1.0, description="Rows are divided by the items of the listener to this power."
    )
    feature_weight: float = Field(default=0.0, ge=0.0, description="Weight of the rows of side information; 0: none.")


class PureSvd:
    """Orthonormal directions over the items.

    Attributes:
        config: of the fit.
        n_items: items known.
        directions: float32 [n_items, d]; scale: float32 [n_items], what columns are multiplied by.
    """

    def __init__(self, config: PureSvdConfig | None = None) -> None:
        self.config = config or PureSvdConfig()
        self.n_items = 0
        self.directions: np.ndarray
        self.scale: np.ndarray

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`."""
        from threadpoolctl import threadpool_limits

        if not interactions.nnz:
            raise TrainingError("PureSVD: there is no interaction to learn from")
        config = self.config
        holders = np.maximum(np.bincount(interactions.indices, minlength=interactions.shape[1]), 1)
        self.scale = (holders**-config.popularity_power).astype(np.float32)
        self.n_items = interactions.shape[1]
        rows = with_side_rows(self._scaled(interactions), features, config.feature_weight).astype(np.float64)
        wide = rows.shape[0] <= rows.shape[1]
        with threadpool_limits(1, user_api="blas"):
            values, vectors = _leading((rows @ rows.T if wide else rows.T @ rows).toarray(), config.factors)
            if wide:
                vectors = (rows.T @ vectors) / np.sqrt(values)
        self.directions = vectors.astype(np.float32)
        return self

    def _scaled(self, histories: csr_array) -> csr_array:
        lengths = np.diff(histories.indptr)
        activity = np.repeat(np.maximum(lengths, 1).astype(np.float32) ** -self.config.activity_power, lengths)
        values = histories.data * self.scale[histories.indices] * activity
        return csr_array((values, histories.indices, histories.indptr), shape=histories.shape)

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return row_products(np.asarray(self._scaled(histories) @ self.directions, np.float32), self.directions)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the cosine of places in the directions."""
        return cosines(self.directions, items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`."""
        return {"directions": self.directions, "scale": self.scale}

    @classmethod
    def from_arrays(cls, config: PureSvdConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.directions, model.scale = arrays["directions"], arrays["scale"]
        model.n_items = len(model.scale)
        return model


def _leading(gram: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The greatest eigenvalues of a Gram matrix that are above rounding, and their vectors; each one's largest
    entry is positive, so that the sign does not depend on the library."""
    from scipy.linalg import eigh

    count = min(most, len(gram))
    values, vectors = eigh(gram, subset_by_index=[len(gram) - count, len(gram) - 1])
    kept = values > 1e-9 * max(values[-1], 1e-300)
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    heads = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return values, vectors * np.sign(heads)

"""EASE where rows are fewer than items (Steck, 2019; dropout as in EDLAE, Steck, 2020), its weights never written out.

With A the rows (listeners, and side information below them), L a penalty for each item and P the inverse of A'A + L,
the weights are I - P / diag P. By Woodbury's identity P = 1/L - 1/L A' K A 1/L with K the inverse of 1 + A 1/L A', a
matrix of the rows alone. So a model of 17,000 items takes rows^2 numbers rather than items^2, and a fit a second.

A row more of side information costs as much as a listener, so only those of the most plays are taken. Where listeners
alone are too many, each item is regressed on its nearest items instead (`ease.sparse_weights`), side rows and all.

The columns are divided by the popularity of the item to a power first: what everybody has tells little. Dropout adds a
share of an item's own square to its penalty, so that a weight must not lean on one item alone.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from numba import njit
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.interactions.side_rows import with_side_rows
from buddies_core.kernels.sparse_products import sparse_products
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.ease import sparse_weights
from buddies_core.recommenders.own_greatest import own_greatest
from buddies_core.tuning.space import Search

_AT_ONCE = 512
"""Listeners whose coefficients on the rows are in memory together."""


class DualEaseConfig(BaseModel):
    """What decides the weights, given the interactions and the side information."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ridge: Annotated[float, Search(4.0, 80.0, log=True)] = Field(
        default=28.0, gt=0.0, description="Penalty on the weights (lambda)."
    )
    popularity_power: Annotated[float, Search(0.0, 0.4)] = Field(
        default=0.21, ge=0.0, le=1.0, description="Columns are divided by the listeners of the item to this power."
    )
    dropout: Annotated[float, Search(0.0, 1.0)] = Field(
        default=0.3, ge=0.0, le=10.0, description="Share of an item's own square that is added to its penalty."
    )
    feature_weight: Annotated[float, Search(0.0, 1.0)] = Field(
        default=0.5, ge=0.0, description="Weight of the rows of side information; 0: none."
    )
    feature_rows: int = Field(
        default=5_000, ge=0, description="Rows of side information at most: those whose items have the most listeners."
    )
    exact_rows: int = Field(
        default=16_000, ge=0, description="Listeners up to whom the solution is exact; it takes rows^2 x 8 bytes."
    )
    neighbours: int = Field(default=200, ge=1, le=1_000, description="Items that one is regressed on beyond that.")
    precision: Literal["double", "single"] = Field(
        default="double",
        description="In which the matrix is inverted; `single` takes a third of the time, and with a ridge of ten or"
        " more scores then differ in the fifth digit.",
    )


class DualEase:
    """Item-item weights, kept as the rows they come from.

    Attributes:
        config: of the fit.
        n_items: items known.
        rows: float64 [n_rows, n_items], A.
        inverse: float64 [n_rows, n_rows], K.
        penalty, diagonal, scale: float64 [n_items]: L, diag P, and what columns are multiplied by.
        sparse: float32 [n_items, n_items], the weights where listeners are more than `exact_rows`; else None, and the
            other matrices are empty where it is there.
    """

    def __init__(self, config: DualEaseConfig | None = None) -> None:
        self.config = config or DualEaseConfig()
        self.n_items = 0
        self.rows: csr_array
        self.inverse: np.ndarray
        self.penalty: np.ndarray
        self.diagonal: np.ndarray
        self.scale: np.ndarray
        self.sparse: csr_array | None = None

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`. Takes rows^2 x 8 bytes twice; one BLAS thread, so the same bits wherever it runs."""
        if not interactions.nnz:
            raise TrainingError("EASE: there is no interaction to learn from")
        config = self.config
        holders = np.maximum(np.bincount(interactions.indices, minlength=interactions.shape[1]), 1)
        self.scale = holders**-config.popularity_power
        scaled = _columns_times(interactions, self.scale)
        if interactions.shape[0] > config.exact_rows:
            return self._fit_sparse(with_side_rows(scaled, features, config.feature_weight))
        kept = None if features is None else most_held(features, holders, config.feature_rows)
        self.rows = with_side_rows(scaled, kept, config.feature_weight).astype(np.float64)
        self.n_items = interactions.shape[1]
        squares = np.bincount(self.rows.indices, weights=self.rows.data**2, minlength=self.n_items)
        self.penalty = config.ridge + config.dropout * squares
        divided = _columns_times(self.rows, 1.0 / self.penalty)
        kind = np.float64 if config.precision == "double" else np.float32
        gram = (divided @ self.rows.T).astype(kind).toarray()
        gram[np.diag_indices(len(gram))] += 1.0
        # Kept in double: a listener's scores must not hang on who else is asked for, and products of singles do.
        self.inverse = inverse_of(gram).astype(np.float64, copy=False)
        columns = self.rows.T.tocsr()
        own = _own_products((columns.indptr, columns.indices, columns.data), self.inverse, self.penalty)
        self.diagonal = (1.0 - own) / self.penalty
        return self

    def _fit_sparse(self, rows: csr_array) -> Self:
        self.n_items = rows.shape[1]
        squares = np.bincount(rows.indices, weights=rows.data.astype(np.float64) ** 2, minlength=self.n_items)
        penalty = self.config.ridge + self.config.dropout * squares
        self.sparse = sparse_weights(rows, penalty, self.config.neighbours)
        self.rows, self.inverse = csr_array((0, self.n_items)), np.empty((0, 0))
        self.penalty = self.diagonal = np.empty(0)
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        return self._weighted(_columns_times(histories, self.scale))

    def sparse_scores(self, histories: csr_array) -> csr_array:
        """See `SparseScorer`; only of weights that are sparse."""
        if self.sparse is None:
            raise TypeError("EASE by its dual is exact here: it says something of every item")
        return sparse_products(_columns_times(histories, self.scale), self.sparse)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the weights of an item for others."""
        ones = csr_array(
            (np.ones(len(items)), np.asarray(items), np.arange(len(items) + 1)), shape=(len(items), self.n_items)
        )
        return own_greatest(self._weighted(ones), items)

    def _weighted(self, rows: csr_array) -> np.ndarray:
        """Rows times the weights, float32 [n, n_items]: r - (r P) / diag P."""
        if self.sparse is not None:
            return (rows.astype(np.float32) @ self.sparse).toarray()
        from threadpoolctl import threadpool_limits

        found = np.empty(rows.shape, np.float32)
        with threadpool_limits(1, user_api="blas"):
            for first in range(0, rows.shape[0], _AT_ONCE):
                part = rows[first : first + _AT_ONCE].astype(np.float64)
                # Nearly dense, and BLAS is nine times as fast as a product of a sparse matrix.
                products = (_columns_times(part, 1.0 / self.penalty) @ self.rows.T).toarray()
                _write_weighted(
                    (part.indptr, part.indices, part.data), products @ self.inverse,
                    (self.rows.indptr, self.rows.indices, self.rows.data),
                    self.penalty, self.diagonal, found[first : first + _AT_ONCE],
                )  # fmt: skip
        return found

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: A as CSR, K, and the vectors of the items; or the sparse weights and the scale."""
        if self.sparse is not None:
            held = {"indptr": self.sparse.indptr, "indices": self.sparse.indices, "values": self.sparse.data}
            return held | {"scale": self.scale}
        rows = {"indptr": self.rows.indptr, "indices": self.rows.indices, "values": self.rows.data}
        return rows | {
            "inverse": self.inverse,
            "penalty": self.penalty,
            "diagonal": self.diagonal,
            "scale": self.scale,
        }

    @classmethod
    def from_arrays(cls, config: DualEaseConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        if "inverse" not in arrays:
            model.scale, model.n_items = arrays["scale"], len(arrays["scale"])
            held = (arrays["values"], arrays["indices"], arrays["indptr"])
            model.sparse = csr_array(held, shape=(model.n_items, model.n_items))
            return model
        model.inverse, model.penalty = arrays["inverse"], arrays["penalty"]
        model.diagonal, model.scale = arrays["diagonal"], arrays["scale"]
        model.n_items = len(model.scale)
        shape = (len(model.inverse), model.n_items)
        model.rows = csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=shape)
        return model


def most_held(features: csr_array, holders: np.ndarray, count: int) -> csr_array:
    """The `count` rows whose items have the most listeners, in their order."""
    if features.shape[0] <= count:
        return features
    of_row = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
    held = np.bincount(of_row, weights=holders[features.indices], minlength=features.shape[0])
    return features[np.sort(np.argsort(-held, kind="stable")[:count])]


def inverse_of(gram: np.ndarray) -> np.ndarray:
    """The inverse of a symmetric positive definite matrix, float64 or float32, which is overwritten."""
    from scipy.linalg import get_lapack_funcs
    from threadpoolctl import threadpool_limits

    potrf, potri = get_lapack_funcs(("potrf", "potri"), (gram,))
    with threadpool_limits(1, user_api="blas"):
        factor, failed = potrf(gram.T, lower=True, overwrite_a=True)
        if failed:
            raise TrainingError("EASE: the matrix of the rows is not positive definite; a greater ridge helps")
        found, _ = potri(factor, lower=True, overwrite_c=True)
    _mirror(found.T)
    return found.T


@njit(nogil=True, cache=True)
def _mirror(matrix):
    """Copy what is above the diagonal below it, block by block."""
    n, block = len(matrix), 64
    for first in range(0, n, block):
        for other in range(0, first + block, block):
            for row in range(first, min(first + block, n)):
                for column in range(other, min(other + block, row)):
                    matrix[row, column] = matrix[column, row]


def _columns_times(rows: csr_array, factors: np.ndarray) -> csr_array:
    return csr_array((rows.data * factors[rows.indices], rows.indices, rows.indptr), shape=rows.shape)


@njit(nogil=True, cache=True)
def _write_weighted(histories, coefficients, rows, penalty, diagonal, out):
    """Write r - (r / L - (c A) / L) / diag P for each history r with coefficients c on the rows A.

    Args:
        histories, rows: CSR arrays (indptr, indices, values float64) of [n, n_items] and of A.
        coefficients: float64 [n, n_rows].
        penalty, diagonal: float64 [n_items].
        out: float32 [n, n_items], overwritten.
    """
    starts, items, weights = histories
    indptr, columns, values = rows
    explained = np.empty(len(penalty))
    for listener in range(len(out)):
        explained[:] = 0.0
        for row in range(len(indptr) - 1):
            coefficient = coefficients[listener, row]
            for at in range(indptr[row], indptr[row + 1]):
                explained[columns[at]] += coefficient * values[at]
        for item in range(len(penalty)):
            out[listener, item] = explained[item] / (penalty[item] * diagonal[item])
        for at in range(starts[listener], starts[listener + 1]):
            item, weight = items[at], weights[at]
            out[listener, item] = weight - (weight - explained[item]) / (penalty[item] * diagonal[item])


@njit(nogil=True, cache=True)
def _own_products(by_item, inverse, penalty):
    """Diagonal of (A / L)' K A, float64 [n_items], of the CSR arrays of A'; an item costs its rows squared."""
    indptr, rows, values = by_item
    found = np.zeros(len(penalty))
    for item in range(len(penalty)):
        first, last = indptr[item], indptr[item + 1]
        total = 0.0
        for one in range(first, last):
            own = 0.0
            for other in range(first, last):
                own += inverse[rows[one], rows[other]] * values[other]
            total += values[one] * own
        found[item] = total / penalty[item]
    return found

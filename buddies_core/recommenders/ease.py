"""EASE: a linear model of items from items with a zero diagonal, in closed form (Steck, 2019).

Rows of side information stand below the listeners' as in "collective EASE" (Jeunen et al., 2020): items of one artist
or tag then support each other although nobody has both. Where the items are too many for an items x items matrix, each
item is regressed on its nearest items alone, as in SLIM with neighbourhoods (Ning and Karypis, 2011): the same ridge
with all other weights held at zero.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np
from numba import njit, prange
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array, vstack

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.cooccurrence import nearest_items
from buddies_core.recommenders.own_greatest import own_greatest

_PRECISION, _MOST_STEPS = 1e-9, 50
"""Of a regression on neighbours: the part of the target that may be left, and steps before it is eliminated."""
_PARTS = 256
"""Runs of items that threads take up; each has a place for every item, so they are not the items themselves."""


class EaseConfig(BaseModel):
    """What decides the weights, given the interactions and the side information."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ridge: float = Field(default=250.0, gt=0.0, description="Penalty on the weights (lambda).")
    feature_weight: float = Field(default=1.0, ge=0.0, description="Weight of the rows of side information; 0: none.")
    popularity_power: float = Field(
        default=0.0, ge=0.0, le=1.0, description="A score is divided by the listeners of the item to this power."
    )
    exact_items: int = Field(
        default=12_000, ge=0, description="Items up to which the solution is exact; it takes items^2 x 8 bytes."
    )
    neighbours: int = Field(default=200, ge=1, le=1_000, description="Items that one is regressed on beyond that.")


class Ease:
    """Weights between items; a score is the listener's row times the weights.

    Attributes:
        config: of the fit.
        n_items: items known.
        weights: float32 [n_items, n_items], dense when exact and `csr_array` when not; column j scores item j.
    """

    def __init__(self, config: EaseConfig | None = None) -> None:
        self.config = config or EaseConfig()
        self.n_items = 0
        self.weights: np.ndarray | csr_array

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`. The same bits whatever the number of kernel threads; BLAS threads may round."""
        if not interactions.nnz:
            raise TrainingError("EASE: there is no interaction to learn from")
        rows = interactions.astype(np.float32)
        if features is not None and self.config.feature_weight:
            rows = vstack([rows, features * np.float32(self.config.feature_weight)], format="csr")
        self.n_items = rows.shape[1]
        if self.n_items <= self.config.exact_items:
            weights: np.ndarray | csr_array = exact_weights(rows, self.config.ridge)
        else:
            weights = sparse_weights(rows, self.config.ridge, self.config.neighbours)
        if self.config.popularity_power:
            holders = np.maximum(np.bincount(interactions.indices, minlength=self.n_items), 1)
            scale = (holders**-self.config.popularity_power).astype(np.float32)
            if isinstance(weights, np.ndarray):
                weights *= scale
            else:
                weights.data *= scale[weights.indices]
        self.weights = weights
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`."""
        product = histories.astype(np.float32) @ self.weights
        return product if isinstance(product, np.ndarray) else product.toarray()

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the weights of an item for others."""
        rows = self.weights[items]
        return own_greatest(np.array(rows) if isinstance(rows, np.ndarray) else rows.toarray(), items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: `weights`, or `indptr, indices, values` where they are sparse."""
        if isinstance(self.weights, np.ndarray):
            return {"weights": self.weights}
        return {"indptr": self.weights.indptr, "indices": self.weights.indices, "values": self.weights.data}

    @classmethod
    def from_arrays(cls, config: EaseConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        if "weights" in arrays:
            model.weights, model.n_items = arrays["weights"], len(arrays["weights"])
            return model
        model.n_items = len(arrays["indptr"]) - 1
        shape = (model.n_items, model.n_items)
        model.weights = csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=shape)
        return model


def exact_weights(rows: csr_array, ridge: float) -> np.ndarray:
    """EASE weights of rows, float32 [n_items, n_items] with a zero diagonal.

    With P the inverse of (rows' rows + ridge I) the weights are -P_ij / P_jj. Where there are fewer rows than items, P
    comes from the inverse of rows rows' + ridge I by Woodbury's identity: P = (I - rows' (rows rows' + ridge I)^-1
    rows) / ridge, which is the same and costs the smaller matrix.
    """
    from scipy.linalg import cho_factor, cho_solve
    from threadpoolctl import threadpool_limits

    n_rows, n_items = rows.shape
    wide = rows.astype(np.float64)
    with threadpool_limits(1, user_api="blas"):
        if n_rows < n_items:
            gram = (wide @ wide.T).toarray()
            gram[np.diag_indices(n_rows)] += ridge
            solved = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), wide.toarray(), overwrite_b=True)
            weights = wide.T @ solved
            del solved
            diagonal = 1.0 - weights.diagonal()
        else:
            gram = (wide.T @ wide).toarray()
            gram[np.diag_indices(n_items)] += ridge
            weights = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), np.eye(n_items), overwrite_b=True)
            diagonal = weights.diagonal().copy()
            np.negative(weights, out=weights)
    weights /= diagonal
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)


def sparse_weights(rows: csr_array, ridge: float | np.ndarray, neighbours: int) -> csr_array:
    """Weights of each item regressed on its `neighbours` nearest by cosine, float32 csr [n_items, n_items].

    Products of neighbours that are not each other's neighbours count as zero: all come from one pass over the rows,
    and memory is items x neighbours. Where every two items occur together and all are neighbours, this is
    `exact_weights`.

    Args:
        ridge: one penalty, or one for each item.
    """
    n_items = rows.shape[1]
    near = nearest_items(rows, neighbours)
    squares = np.zeros(n_items)
    np.add.at(squares, rows.indices, rows.data.astype(np.float64) ** 2)
    of_row = np.repeat(np.arange(n_items), np.diff(near.indptr))
    products = near.data.astype(np.float64) * np.sqrt(squares[of_row] * squares[near.indices])
    values = _regress(near.indptr.astype(np.int64), near.indices.astype(np.int64), products, squares + ridge)
    return csr_array((values, near.indices, near.indptr), shape=near.shape).T.tocsr()


@njit(parallel=True, nogil=True, cache=True)
def _regress(indptr, indices, products, diagonal):
    """Ridge of each item on its neighbours: float32 [entries], aligned with `indices`."""
    weights = np.zeros(len(indices), np.float32)
    n_items = len(indptr) - 1
    for part in prange(_PARTS):
        _regress_part(
            n_items * part // _PARTS, n_items * (part + 1) // _PARTS, indptr, indices, products, diagonal, weights
        )
    return weights


@njit(nogil=True, cache=True)
def _regress_part(start, stop, indptr, indices, products, diagonal, weights):
    """The weights of some items, written in place; in the parallel function itself it would take longer to compile."""
    column_of = np.full(len(indptr) - 1, -1, np.int32)
    for item in range(start, stop):
        if indptr[item] < indptr[item + 1]:
            _regress_one(item, indptr, indices, products, diagonal, weights, column_of)


@njit(nogil=True, cache=True)
def _regress_one(item, indptr, indices, products, diagonal, weights, column_of):
    """One item's weights; `column_of`, int32 [n_items], is -1 before and after."""
    first, last = indptr[item], indptr[item + 1]
    near = indices[first:last]
    n = len(near)
    for a in range(n):
        column_of[near[a]] = a
    gram = np.zeros((n, n))
    for a in range(n):
        gram[a, a] = diagonal[near[a]]
        for at in range(indptr[near[a]], indptr[near[a] + 1]):
            b = column_of[indices[at]]
            if b >= 0:
                gram[a, b] = products[at]
                gram[b, a] = products[at]
    for a in range(n):
        column_of[near[a]] = -1
    solved = _solved(gram, products[first:last].copy())
    for at in range(n):
        weights[first + at] = solved[at]


@njit(nogil=True, cache=True)
def _solved(gram, target):
    """x of gram x = target, both float64, by conjugate gradients over the diagonal; the rounding of float32 and more.

    The penalty makes the diagonal heavy, so that some ten products with the matrix do where elimination costs n^3.
    What was left out of the matrix may leave it indefinite: then, and where it does not converge, it is eliminated.
    """
    scale = 1.0 / np.diag(gram)
    x, residual = np.zeros(len(target)), target.copy()
    enough = _PRECISION**2 * (target @ target)
    towards = scale * residual
    direction, height = towards.copy(), residual @ towards
    for _ in range(_MOST_STEPS):
        moved = gram @ direction
        bend = direction @ moved
        if not bend > 0.0:
            break
        step = height / bend
        x += step * direction
        residual -= step * moved
        if residual @ residual <= enough:
            return x
        towards = scale * residual
        after = residual @ towards
        direction = towards + after / height * direction
        height = after
    return np.linalg.solve(gram, target)

"""Interactions cut into folds, cell by cell: which are held out depends on what a listener has, not on a row number."""

import numpy as np
from scipy.sparse import csr_array

from buddies_core.kernels.randomness import SPLIT, hash_pairs

_FOLD, _ROW = SPLIT << 8 | 1, SPLIT << 8 | 2


def row_keys(interactions: csr_array) -> np.ndarray:
    """A number for each listener made of the history alone, uint64 [n_rows]: the order of the rows changes nothing."""
    members = hash_pairs(0, _ROW, interactions.indices)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(members, dtype=np.uint64)])
    return sums[interactions.indptr[1:]] - sums[interactions.indptr[:-1]]


def fold_of_cells(interactions: csr_array, folds: int, *, seed: int) -> np.ndarray:
    """Fold of each stored cell, int64 [nnz], by (seed, listener's history, item)."""
    keys = np.repeat(row_keys(interactions), np.diff(interactions.indptr))
    return (hash_pairs(seed, _FOLD, keys, interactions.indices) % np.uint64(folds)).astype(np.int64)


def kept_cells(interactions: csr_array, kept: np.ndarray) -> csr_array:
    """The matrix with only the stored cells that are kept, bool [nnz]; its shape stays."""
    before = np.concatenate([[0], np.cumsum(kept)])
    values, columns = interactions.data[kept], interactions.indices[kept]
    return csr_array((values, columns, before[interactions.indptr]), shape=interactions.shape)

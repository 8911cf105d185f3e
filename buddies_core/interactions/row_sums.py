"""Sums of table rows by the lists that name them: a binary sparse matrix times a dense one."""

import numpy as np
from numba import njit, prange

from buddies_core.interactions.csr import Library
from buddies_core.kernels.prefetch import row_to_read
from buddies_core.kernels.simd_rows import WIDTH, add_rows, padded
from buddies_core.recommenders.factors import aligned

_TILE = 4
_AHEAD = 16


@njit(parallel=True, nogil=True, cache=True)
def _row_sums(indptr, indices, table, sums, tile, vectors):
    line, base = table.shape[1] * 4, table.ctypes.data
    none = len(table) - 1
    for r in prange(len(sums)):
        sums[r] = np.float32(0.0)
        weights, places = np.ones(_TILE, np.float32), np.empty(_TILE, np.int64)
        first, last = indptr[r], indptr[r + 1]
        for start in range(first, last, _TILE):
            for ahead in range(start + _AHEAD, min(start + _AHEAD + _TILE, last)):
                row_to_read(base + np.int64(indices[ahead]) * line, line)
            for k in range(_TILE):
                row = np.int64(indices[start + k]) if start + k < last else none
                places[k] = base + row * line
            add_rows(sums[r].ctypes.data, places.ctypes.data, weights.ctypes.data, tile, vectors)  # type: ignore[call-arg]


def row_sums(library: Library, table: np.ndarray) -> np.ndarray:
    """For each row of a library the sum of the table's rows that it names.

    Args:
        table: float [library.n_columns, d].

    Returns:
        float32 [library.n_rows, d], the same for any number of threads.
    """
    dimension = table.shape[1]
    width = padded(dimension)
    # One row more, of zeros, stands for what a list does not have.
    wide, sums = aligned((len(table) + 1, width)), aligned((library.n_rows, width))
    wide[:-1, :dimension], wide[:, dimension:], wide[-1] = table, 0.0, 0.0
    _row_sums(library.indptr, library.indices, wide, sums, (0,) * _TILE, (0,) * (width // WIDTH))
    return np.ascontiguousarray(sums[:, :dimension])

"""Sums of table rows by the lists that name them: a binary sparse matrix times a dense one."""

import numpy as np
from numba import njit, prange

from buddies_core.interactions.csr import Library
from buddies_core.kernels.table_rows import sums_of_bags


@njit(parallel=True, nogil=True, cache=True)
def _row_sums(indptr, indices, table, sums):
    """Write into sums, float32 [n, d], the sums of the rows of `table`, float32 [m, d], that each list names."""
    for r in prange(len(sums)):
        sums_of_bags(indptr, indices, table, sums, r, r + 1)


def row_sums(library: Library, table: np.ndarray) -> np.ndarray:
    """For each row of a library the sum of the table's rows that it names.

    Args:
        table: float [library.n_columns, d].

    Returns:
        float32 [library.n_rows, d], the same for any number of threads.
    """
    sums = np.empty((library.n_rows, table.shape[1]), np.float32)
    _row_sums(library.indptr, library.indices, np.ascontiguousarray(table, np.float32), sums)
    return sums

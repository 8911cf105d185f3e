"""Products of a few sparse rows with a large sparse matrix: scipy's, in one pass and without its lists.

scipy counts what each row of the product will hold before it fills it, and keeps what it has met in a linked list; of
48 million plays that is most of what sparse scores cost. Here a row is summed where its columns lie.
"""

import numpy as np
from numba import njit
from scipy.sparse import csr_array


def sparse_products(rows: csr_array, weights: csr_array) -> csr_array:
    """`rows @ weights`, float32 [n, columns], what is summed in the order in which it is stored.

    A row holds its columns in the order in which they were met, each once; one whose sum is zero is stored.
    """
    amounts = weights.indptr[rows.indices + 1] - weights.indptr[rows.indices]
    bounds = np.concatenate([[0], np.cumsum(amounts, dtype=np.int64)])[rows.indptr]
    indices, values = np.empty(bounds[-1], np.int32), np.empty(bounds[-1], np.float32)
    lengths = _products(
        (rows.indptr, rows.indices, rows.data.astype(np.float32, copy=False)),
        (weights.indptr, weights.indices, weights.data), weights.shape[1], indices, values,
    )  # fmt: skip
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return csr_array((values[: indptr[-1]], indices[: indptr[-1]], indptr), shape=(rows.shape[0], weights.shape[1]))


@njit(nogil=True, cache=True)
def _products(rows, weights, n_columns, indices, values):
    """Columns and sums of each row, one row behind the other, written to `indices` and `values`; lengths of rows."""
    starts, members, amounts = rows
    indptr, columns, data = weights
    sums, met = np.zeros(n_columns, np.float32), np.zeros(n_columns, np.bool_)
    lengths = np.empty(len(starts) - 1, np.int64)
    filled = 0
    for row in range(len(starts) - 1):
        first = filled
        for member in range(starts[row], starts[row + 1]):
            amount = amounts[member]
            for at in range(indptr[members[member]], indptr[members[member] + 1]):
                column = columns[at]
                if not met[column]:
                    met[column] = True
                    indices[filled] = column
                    filled += 1
                sums[column] += amount * data[at]
        for at in range(first, filled):
            values[at] = sums[indices[at]]
            sums[indices[at]], met[indices[at]] = np.float32(0.0), False
        lengths[row] = filled - first
    return lengths

"""Items that occur together: each item's most similar others by asymmetric cosine, as a sparse matrix of few a row.

Co-occurrences are counted one item at a time, over the rows that hold it, into an accumulator of one number an item:
no items x items matrix is made, and the result does not depend on the number of threads.
"""

import numpy as np
from numba import get_num_threads, njit, prange
from scipy.sparse import csr_array

from buddies_core.kernels.selection import partition


def nearest_items(
    rows: csr_array, neighbours: int, *, alpha: float = 0.5, shrink: float = 0.0, targets: int | None = None
) -> csr_array:
    """The `neighbours` items most similar to each item, others than itself.

    The similarity of item i to item j is `r_i·r_j / (|r_i|^(2 alpha) |r_j|^(2 - 2 alpha) + shrink)`, r_i being column i
    (Aiolli, 2013); alpha 0.5 without shrink is the cosine. Equal ones go to the lower index.

    Args:
        rows: float32 [n_rows, n_items], weights not below 0.
        targets: how many of the first items get a list; unset: all.

    Returns:
        float32 [targets, n_items]: similarities above 0, columns ascending within a row.
    """
    squares = np.bincount(rows.indices, weights=rows.data.astype(np.float64) ** 2, minlength=rows.shape[1])
    left, right = (squares**alpha).astype(np.float32), (squares ** (1.0 - alpha)).astype(np.float32)
    return nearest_by(rows, neighbours, left, right, shrink=shrink, targets=targets)


def nearest_by(
    rows: csr_array, neighbours: int, left: np.ndarray, right: np.ndarray, *, shrink: float = 0.0,
    targets: int | None = None,
) -> csr_array:  # fmt: skip
    """`nearest_items` by `r_i·r_j / (left_i right_j + shrink)`, both float32 [n_items]."""
    n_items = rows.shape[1]
    count = n_items if targets is None else targets
    columns = rows.T.tocsr()
    kept = max(1, min(neighbours, n_items - 1))
    found, values, lengths = _nearest(
        rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.float32),
        columns.indptr.astype(np.int64), columns.indices.astype(np.int32), columns.data.astype(np.float32),
        left, right, np.float32(shrink), kept, count, get_num_threads(),
    )  # fmt: skip
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    filled = np.arange(kept) < lengths[:, None]
    return csr_array((values[filled], found[filled], indptr), shape=(count, n_items))


@njit(parallel=True, nogil=True, cache=True)
def _nearest(indptr, indices, data, column_ptr, column_rows, column_data, left, right, shrink, kept, count, threads):
    """Neighbours of each item and their similarities, ascending by item; thread t takes items t, t + threads, …"""
    found, values = np.zeros((count, kept), np.int32), np.zeros((count, kept), np.float32)
    lengths = np.zeros(count, np.int64)
    for thread in prange(threads):
        _nearest_of(
            range(thread, count, threads), indptr, indices, data, column_ptr, column_rows, column_data, left, right,
            shrink, found, values, lengths,
        )  # fmt: skip
    return found, values, lengths


@njit(nogil=True, cache=True)
def _nearest_of(
    items, indptr, indices, data, column_ptr, column_rows, column_data, left, right, shrink, found, values, lengths
):
    """The part of one thread; in the parallel function itself it would take five times as long to compile."""
    n_items, kept = len(left), found.shape[1]
    sums, touched = np.zeros(n_items, np.float32), np.empty(n_items, np.int32)
    similar, smallest = np.empty(n_items, np.float32), np.empty(n_items, np.float32)
    near = np.empty(n_items, np.int32)
    for item in items:
        n = 0
        for at in range(column_ptr[item], column_ptr[item + 1]):
            row, weight = column_rows[at], column_data[at]
            for place in range(indptr[row], indptr[row + 1]):
                other = indices[place]
                if sums[other] == 0.0:
                    touched[n] = other
                    n += 1
                sums[other] += weight * data[place]
        for at in range(n):
            other = touched[at]
            value = sums[other] / (left[item] * right[other] + shrink)
            similar[at] = np.float32(0.0) if other == item else value
        least, ties = np.float32(0.0), n
        if n > kept:
            for at in range(n):
                smallest[at] = -similar[at]
            partition(smallest[:n], kept)
            least = -smallest[:kept].max()
            ties = kept
            for at in range(n):
                ties -= similar[at] > least
        # Only those that may stay are put in order: a popular item meets nearly all others.
        m = 0
        for at in range(n):
            if similar[at] > 0.0 and similar[at] >= least:
                near[m] = touched[at]
                m += 1
        others = near[:m]
        others.sort()
        m = 0
        for other in others:
            value = sums[other] / (left[item] * right[other] + shrink)
            if value == least and least > 0.0:
                if ties == 0:
                    continue
                ties -= 1
            found[item, m], values[item, m] = other, value
            m += 1
        for at in range(n):
            sums[touched[at]] = 0.0
        lengths[item] = m

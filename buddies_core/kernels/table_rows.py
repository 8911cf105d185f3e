"""Rows of large tables: their sums by bag, and the steps of Adagrad on those that a batch touched.

Threads share the work by bags, by rows or by columns, never by entries: any number of them gives the same bits.
"""

import numpy as np
from numba import njit, prange

_FAST = {"reassoc", "contract", "nsz", "arcp"}
_BLOCK = 16
"""Columns that a thread adds up: a line of the cache."""


@njit(parallel=True, fastmath=_FAST, nogil=True, cache=True)
def sums_of_bags(starts, rows, table, sums):
    """sums[i] = sum of table[rows[k]] over k from starts[i] to starts[i + 1]; float32, written anew."""
    for i in prange(len(starts) - 1):
        total = sums[i]
        total[:] = np.float32(0.0)
        for k in range(starts[i], starts[i + 1]):
            row = table[rows[k]]
            for j in range(len(total)):
                total[j] += row[j]


@njit(nogil=True, cache=True)
def numbered(rows, slots, found):
    """Number of each row among the distinct ones, in the order in which they come first, written over `rows`.

    Args:
        rows: int64, replaced by numbers.
        slots: int32 [size of the table], -1 everywhere, before and after.
        found: int64, as long as rows at least: gets the distinct rows.

    Returns:
        How many are distinct.
    """
    count = 0
    for k in range(len(rows)):
        row = rows[k]
        if slots[row] < 0:
            slots[row] = count
            found[count] = row
            count += 1
        rows[k] = slots[row]
    for k in range(count):
        slots[found[k]] = -1
    return count


@njit(parallel=True, nogil=True, cache=True)
def add_to_rows(totals, number, gradients, entry):
    """totals[number[k]] += gradients[entry[k]] for each k, in this order; a thread takes some of the columns."""
    columns = totals.shape[1]
    for block in prange(-(-columns // _BLOCK)):
        first, last = block * _BLOCK, min(columns, (block + 1) * _BLOCK)
        for k in range(len(number)):
            total, gradient = totals[number[k]], gradients[entry[k]]
            if last - first == _BLOCK:
                for j in range(_BLOCK):
                    total[first + j] += gradient[first + j]
            else:
                for j in range(first, last):
                    total[j] += gradient[j]


@njit(parallel=True, fastmath=_FAST, nogil=True, cache=True)
def adagrad_rows(table, squares, rows, gradients, rate):
    """One step of Adagrad (Duchi et al. 2011) on some distinct rows of a table; the others stay as they are.

    Args:
        table, squares: float32 [n, d], values and the sum of their squared gradients so far; both are written.
        rows: int64 [m]; gradients float32 [m or more, d].
        rate: float32.
    """
    for k in prange(len(rows)):
        value, square, gradient = table[rows[k]], squares[rows[k]], gradients[k]
        for j in range(table.shape[1]):
            square[j] += gradient[j] * gradient[j]
            value[j] -= rate * gradient[j] / (np.sqrt(square[j]) + np.float32(1e-10))

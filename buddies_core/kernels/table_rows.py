"""Rows of large tables: their sums by bag, and the steps of Adagrad on those that a batch touched.

Each runs on one thread and lets others run: callers share out bags or tables among threads, which changes no bit.
"""

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(fastmath=_FAST, nogil=True, cache=True)
def sums_of_bags(starts, rows, table, sums, first, last):
    """sums[i] = sum of table[rows[k]] over k from starts[i] to starts[i + 1], for i from `first` to `last`; float32."""
    for i in range(first, last):
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


@njit(nogil=True, cache=True)
def add_to_rows(totals, number, gradients, entry):
    """totals[number[k]] += gradients[entry[k]] for each k, in this order."""
    for k in range(len(number)):
        total, gradient = totals[number[k]], gradients[entry[k]]
        for j in range(len(total)):
            total[j] += gradient[j]


@njit(fastmath=_FAST, nogil=True, cache=True)
def adagrad_rows(table, squares, rows, gradients, rate):
    """One step of Adagrad (Duchi et al. 2011) on some distinct rows of a table; the others stay as they are.

    Args:
        table, squares: float32 [n, d], values and the sum of their squared gradients so far; both are written.
        rows: int64 [m]; gradients float32 [m or more, d].
        rate: float32.
    """
    for k in range(len(rows)):
        value, square, gradient = table[rows[k]], squares[rows[k]], gradients[k]
        for j in range(table.shape[1]):
            square[j] += gradient[j] * gradient[j]
            value[j] -= rate * gradient[j] / (np.sqrt(square[j]) + np.float32(1e-10))

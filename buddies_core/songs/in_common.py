"""What a listener's songs have in common with a candidate: those of its artist, of its release, of its title."""

import numpy as np
from numba import njit
from scipy.sparse import csr_array


def in_common(rows: csr_array, numbers: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the listener's songs of a candidate's number, [n, c], and how many numbers a listener has, [n, 1]."""
    sums, distinct = np.zeros(candidates.shape), np.zeros((len(candidates), 1), np.int64)
    _of_number(
        (rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data.astype(np.float64)),
        numbers, candidates.astype(np.int64), int(numbers.max(initial=-1)) + 1, sums, distinct,
    )  # fmt: skip
    return sums, distinct


@njit(nogil=True, cache=True)
def _of_number(rows, numbers, candidates, count, sums, distinct):
    """Write `in_common` of CSR rows; a number whose songs weigh nothing is none that a listener has."""
    indptr, songs, values = rows
    total = np.zeros(count)
    for row in range(len(candidates)):
        for at in range(indptr[row], indptr[row + 1]):
            if numbers[songs[at]] >= 0:
                before = total[numbers[songs[at]]]
                total[numbers[songs[at]]] += values[at]
                distinct[row, 0] += before == 0.0 and total[numbers[songs[at]]] != 0.0
        for place in range(candidates.shape[1]):
            number = numbers[candidates[row, place]]
            sums[row, place] = total[number] if number >= 0 else 0.0
        for at in range(indptr[row], indptr[row + 1]):
            if numbers[songs[at]] >= 0:
                total[numbers[songs[at]]] = 0.0

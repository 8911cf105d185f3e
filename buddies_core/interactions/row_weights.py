"""What a count of plays is worth: its rank among the listener's own, so that no fan of one item drowns the rest."""

import numpy as np
from scipy.sparse import csr_array


def rank_weights(matrix: csr_array, power: float) -> csr_array:
    """Weights (1 / rank)^power: 1 for what a listener plays most, less below; equal plays share the better rank.

    Args:
        power: 0 gives every interaction the weight 1.
    """
    lengths = np.diff(matrix.indptr)
    of_row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((-matrix.data, of_row))
    sorted_rows, sorted_values = of_row[order], matrix.data[order]
    place = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], lengths)
    begins = np.ones(len(order), bool)
    begins[1:] = (sorted_rows[1:] != sorted_rows[:-1]) | (sorted_values[1:] != sorted_values[:-1])
    shared = place[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    values = np.empty(len(order), np.float32)
    values[order] = (1.0 / (shared + 1.0)) ** power
    return csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)

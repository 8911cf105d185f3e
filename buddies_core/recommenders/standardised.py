"""Scores of several models made comparable: each listener's own, standardised over what the listener does not have."""

import numpy as np
from scipy.sparse import csr_array


def known_items(histories: csr_array) -> np.ndarray:
    """Which items each listener has, bool [n, n_items]."""
    known = np.zeros(histories.shape, bool)
    known[np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr)), histories.indices] = True
    return known


def standardised(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and standard deviation 1 over the items not known, float32; a constant row becomes zero.

    Args:
        scores: float32 [n, n_items]; known: bool [n, n_items], left out of the mean and of the deviation.
    """
    counts = np.maximum((~known).sum(axis=1, keepdims=True), 1)
    wide = np.where(known, np.float32(0.0), scores)
    means = wide.sum(axis=1, dtype=np.float64, keepdims=True) / counts
    wide -= means.astype(np.float32)
    wide[known] = 0.0
    deviations = np.sqrt(np.einsum("ij,ij->i", wide, wide, dtype=np.float64)[:, None] / counts)
    # What is left of a constant row is rounding.
    flat = deviations <= 1e-6 * np.maximum(np.abs(means), 1e-30)
    scale = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, deviations)).astype(np.float32)
    return (scores - means.astype(np.float32)) * scale

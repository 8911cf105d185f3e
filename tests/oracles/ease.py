"""EASE by its definition: each item's ridge regression on all others, one at a time."""

import numpy as np


def ease_weights(rows: np.ndarray, ridge: float) -> np.ndarray:
    """Weights [n_items, n_items] with a zero diagonal; column j is the regression of item j on the others."""
    n_items = rows.shape[1]
    weights = np.zeros((n_items, n_items))
    for item in range(n_items):
        others = np.delete(np.arange(n_items), item)
        left = rows[:, others]
        gram = left.T @ left + ridge * np.eye(n_items - 1)
        weights[others, item] = np.linalg.solve(gram, left.T @ rows[:, item])
    return weights

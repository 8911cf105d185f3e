"""How unevenly something is spread: the Gini coefficient."""

import numpy as np


def gini(sizes: np.ndarray) -> float:
    """Gini coefficient of non-negative sizes: 0 when all are equal, towards 1 when one has everything; 0 of nothing."""
    ordered = np.sort(np.asarray(sizes, np.float64))
    n, total = len(ordered), float(ordered.sum())
    if n == 0 or not total:
        return 0.0
    return float(2 * (ordered * np.arange(1, n + 1)).sum() / (n * total) - (n + 1) / n)

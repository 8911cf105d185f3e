"""Walker's alias table (Walker, 1977): a draw by weight is one cell and one comparison, whatever the size."""

import numpy as np
from numba import njit


def alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells of equal size, each its own item's up to a chance and from there on another one's.

    Args:
        weights: float64 [n], none below 0; all 0 stand for equal ones.

    Returns:
        The chances float64 [n] and the other items uint32 [n].
    """
    total = weights.sum()
    share = weights * (len(weights) / total) if total > 0 else np.ones(len(weights))
    chance, alias = np.ones(len(weights)), np.arange(len(weights), dtype=np.uint32)
    _fill_alias(share, chance, alias)
    return chance, alias


@njit(nogil=True, cache=True)
def _fill_alias(share, chance, alias):
    n = len(share)
    small, large = np.empty(n, np.int64), np.empty(n, np.int64)
    few, many = 0, 0
    for i in range(n):
        if share[i] < 1.0:
            small[few] = i
            few += 1
        else:
            large[many] = i
            many += 1
    while few and many:
        few -= 1
        low, high = small[few], large[many - 1]
        chance[low], alias[low] = share[low], high
        share[high] -= 1.0 - share[low]
        if share[high] < 1.0:
            many -= 1
            small[few] = high
            few += 1

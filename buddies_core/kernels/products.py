"""Products of dense rows whose bits do not depend on how many rows are multiplied together."""

import numpy as np

_BLOCK = 64
"""Rows of one call of BLAS: whole tiles of its kernels, so that every row takes the same path."""


def row_products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left right', float32 [n, m], on one BLAS thread.

    Args:
        left: float32 [n, d]; right: float32 [m, d].
    """
    from threadpoolctl import threadpool_limits

    found = np.empty((len(left), len(right)), np.float32)
    block = np.zeros((_BLOCK, left.shape[1]), np.float32)
    with threadpool_limits(1, user_api="blas"):
        for first in range(0, len(left), _BLOCK):
            part = left[first : first + _BLOCK]
            block[: len(part)], block[len(part) :] = part, 0.0
            found[first : first + _BLOCK] = (block @ right.T)[: len(part)]
    return found

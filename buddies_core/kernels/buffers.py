"""Output buffers of kernels that cannot know their size beforehand."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def grown(buffer, needed):
    """`buffer` itself when it holds `needed` items, else a copy at least twice as long: amortised one copy an item."""
    if needed <= len(buffer):
        return buffer
    larger = np.empty(max(needed, 2 * len(buffer)), buffer.dtype)
    larger[: len(buffer)] = buffer
    return larger

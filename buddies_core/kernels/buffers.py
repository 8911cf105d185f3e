"""Arrays on their way into kernels and out of them."""

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


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that is not written to. A kernel that only reads is compiled once for it, wherever the array comes from;
    as it comes, it would be compiled once for memory and once more for a mapped file.
    """
    view = array.view()
    view.flags.writeable = False
    return view

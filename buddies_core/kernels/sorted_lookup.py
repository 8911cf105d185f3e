"""Where values stand in an ascending array that may lack them."""

import numpy as np


def places_in(held: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each of `wanted` is in `held`, bool [n], and its place there, int64 [n]; 0 to len(held) - 1 where not.

    Args:
        held: ascending; where it is empty, nothing is in it and every place is 0.
    """
    if not len(held):
        return np.zeros(len(wanted), bool), np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
    return np.asarray(held)[place] == wanted, place

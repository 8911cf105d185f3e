"""The place of an item among those similar to it."""

import numpy as np


def own_greatest(similarities: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Rows of similarities in which each item's own is 1, or the row's greatest where that is more; changed in place.

    Args:
        similarities: float32 [len(items), n_items]; the items' own are overwritten.
    """
    rows = np.arange(len(items))
    similarities[rows, items] = 0.0
    highest = similarities.max(axis=1, initial=0.0)
    similarities[rows, items] = np.where(highest < 1.0, np.float32(1.0), np.nextafter(highest, np.float32(np.inf)))
    return similarities

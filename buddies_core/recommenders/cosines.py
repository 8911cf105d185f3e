"""Likeness of items by the angle between their vectors."""

import numpy as np

from buddies_core.kernels.products import row_products
from buddies_core.recommenders.own_greatest import own_greatest


def cosines(vectors: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Cosines of some rows with all, float32 [len(items), n]; 0 where a row is zero, an item's own the greatest."""
    lengths = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1))
    unit = (vectors / np.maximum(lengths, 1e-12)[:, None]).astype(np.float32)
    return own_greatest(row_products(unit[items], unit), items)

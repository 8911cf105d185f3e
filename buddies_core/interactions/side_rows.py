"""Side information of items as further rows of a matrix of interactions."""

import numpy as np
from scipy.sparse import csr_array, vstack


def with_side_rows(interactions: csr_array, features: csr_array | None, weight: float) -> csr_array:
    """Interactions with the features below them, times a weight: items that share a feature then support each other.

    Args:
        interactions: [n_users, n_items]; features: [n_features, n_items] or None.
        weight: of the features; 0 leaves them out.
    """
    rows = interactions.astype(np.float32)
    if features is None or not weight:
        return rows
    return csr_array(vstack([rows, features.astype(np.float32) * np.float32(weight)], format="csr"))

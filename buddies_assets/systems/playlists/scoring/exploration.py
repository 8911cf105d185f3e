"""How adventurous each user is: a coefficient in (0, 1) drawn once per user."""

import numpy as np

from buddies_core.kernels.randomness import EXPLORATION, uniform

ALPHA, BETA = 1.3, 3.3
"""Parameters of the Beta distribution (mean 0.283, median 0.25)."""


def exploration_coefficients(keys: np.ndarray, seed: int) -> np.ndarray:
    """Beta(1.3, 3.3) by the inverse of its distribution function, float64 [len(keys)], from (seed, user id) alone.

    Args:
        keys: key of each user (`entity_keys`).
    """
    from scipy.special import betaincinv

    return betaincinv(ALPHA, BETA, uniform(seed, EXPLORATION, np.asarray(keys, np.uint64)))

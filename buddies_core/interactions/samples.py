"""Training samples as arrays: a positive with its negatives, one row a sample."""

from dataclasses import dataclass

import numpy as np

from buddies_core.errors import BuddiesError


class SamplingError(BuddiesError, ValueError):
    """What was given to sample from does not fit together."""


@dataclass(frozen=True)
class Blocks:
    """One block for each (user, positive), in the order of the positives given.

    Attributes:
        user, positive: uint32 [n].
        negatives: uint32 [n, n_negatives], the hard ones first; distinct in a row; MISSING where none was left.
        short: negatives missing in all, because the catalogue was exhausted.
    """

    user: np.ndarray
    positive: np.ndarray
    negatives: np.ndarray
    short: int

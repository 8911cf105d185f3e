"""Training samples as arrays: a positive with its negatives, one row a sample."""

from dataclasses import dataclass

import numpy as np

from buddies_core.errors import BuddiesError


class SamplingError(BuddiesError, ValueError):
    """What was given to sample from does not fit together."""


def require_one_key_a_user(users: np.ndarray, keys: np.ndarray) -> None:
    """Raises SamplingError unless there is a key for each user."""
    if len(keys) != len(users):
        raise SamplingError(f"{len(keys)} keys for {len(users)} users")


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

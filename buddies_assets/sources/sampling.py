"""The sample that BUDDIES_SAMPLE asks for: which playlists and users are in it, by a hash of their ids alone.

It is the same at every run, whatever the seed, and what is in a sample is in every larger one.
"""

import numpy as np

from buddies_core.kernels.randomness import uniform

_PLAYLISTS, _USERS = 0x5A4D_0001, 0x5A4D_0002
"""Streams of their own, so that no other draw depends on who is in the sample."""


def playlists_in_sample(pids: np.ndarray, share: float) -> np.ndarray:
    """Mask of the playlists that are in the sample."""
    return uniform(0, _PLAYLISTS, pids) < share


def users_in_sample(keys: np.ndarray, share: float) -> np.ndarray:
    """Mask of the users that are in the sample, by the first 64 bits of their ids."""
    return uniform(0, _USERS, keys) < share

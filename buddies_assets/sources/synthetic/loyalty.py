"""Listeners come back to artists: part of what a listener plays is by the artist of something they played before.

In a sample of the real plays, two songs of a listener with 10 to 30 of them are by one artist in 6 to 8 % of pairs, and
1 % if each song were drawn for itself. Fewer songs than there stand alone of their artist (51 % for 70 % of libraries
of 16 to 20). What is drawn depends on the seed and the listener's row alone.
"""

import numpy as np
from numba import njit

from buddies_assets.sources.synthetic import draws
from buddies_assets.sources.synthetic.order import Discography
from buddies_core.kernels.randomness import uniform

RETURNING = 0.5
"""Share of draws that return to the artist of an earlier one."""


def come_back(
    seed: int, row: np.ndarray, nth: np.ndarray, items: np.ndarray, offset: float, discography: Discography
) -> np.ndarray:
    """The same draws, some of them taken instead from the artist of an earlier draw of their row.

    Args:
        row: id of each draw's row, those of one row together.
        nth: which draw of the row each is.
        items: what was drawn, int64.
        offset: flatness of the popularity.
        discography: whose works the items are.
    """
    if not len(items):
        return items
    choice = uniform(seed, draws.USER_RETURN, row, nth)
    which = uniform(seed, draws.USER_RETURN_WORK, row, nth)
    result = items.astype(np.int64)
    first = np.concatenate([[0], np.flatnonzero(np.diff(row)) + 1])
    starts = np.repeat(first, np.diff(np.append(first, len(row))))
    _resolve(
        starts, choice / RETURNING, which, offset, discography.artist_of, discography.indptr,
        discography.by_popularity, result,
    )  # fmt: skip
    return result


@njit(nogil=True, cache=True)
def _resolve(starts, choice, which, offset, artist_of, artist_ptr, by_popularity, items):
    """Draw after draw: an earlier one may itself have returned. Where `choice` is below 1 it says which is gone to."""
    size = len(artist_of)
    for at in range(len(items)):
        before = at - starts[at]
        if before == 0 or choice[at] >= 1.0:
            continue
        earlier = items[starts[at] + np.int64(choice[at] * before)]
        first = artist_ptr[artist_of[earlier]]
        length = artist_ptr[artist_of[earlier] + 1] - first
        flat = max(offset * length / size, 1.0)
        rank = min(np.int64(flat * ((1.0 + length / flat) ** which[at] - 1.0)), length - 1)
        items[at] = by_popularity[first + rank]

"""Evaluation batches: one unseen positive with negatives from the whole catalogue."""

import numpy as np
from numba import njit

from buddies_core.errors import BuddiesError
from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.samples import Blocks, SamplingError
from buddies_core.kernels.drawing import draw_from_catalogue, pair_key
from buddies_core.kernels.randomness import BATCH

N_NEGATIVES = 50


class CatalogueTooSmallError(BuddiesError, ValueError):
    """A user likes so much of the catalogue that too few playlists are left for a batch."""


def evaluation_batches(
    users: np.ndarray,
    positives: Ragged,
    excluded: Ragged,
    *,
    n_playlists: int,
    seed: int,
    n_negatives: int = N_NEGATIVES,
) -> Blocks:
    """One batch for each (user, positive), its negatives drawn uniformly from what the user neither likes nor owns.

    Args:
        users: index of each user, [n]; the lists below are theirs, in the same order.
        positives: the user's positives of the split to evaluate.
        excluded: playlists the user likes in any split (train, validation and test) or owns.

    Raises:
        CatalogueTooSmallError: fewer than `n_negatives` playlists are left for some user. A batch with fewer would be
            an easier one, and its metrics not comparable.
        SamplingError: the lists are not one a user.
    """
    for name, lists in (("positives", positives), ("excluded", excluded)):
        if len(lists.offsets) != len(users) + 1:
            raise SamplingError(f"{name}: {len(lists.offsets) - 1} lists for {len(users)} users")
    users = np.asarray(users, np.uint32)
    negatives, failed = _draw_batches(
        users,
        positives.offsets,
        positives.values,
        excluded.offsets,
        excluded.values,
        n_playlists,
        np.uint64(seed),
        n_negatives,
    )
    if failed >= 0:
        raise CatalogueTooSmallError(
            f"user {users[failed]} likes or owns all but fewer than {n_negatives} of {n_playlists} playlists: "
            "use more playlists or fewer negatives"
        )
    return Blocks(
        np.repeat(users, positives.lengths),
        positives.values[positives.offsets[0] : positives.offsets[-1]],
        negatives,
        0,
    )


@njit(nogil=True, cache=True)
def _draw_batches(users, positive_offsets, positives, excluded_offsets, excluded, n_playlists, seed, n_negatives):
    """(negatives [n, n_negatives], row of the first user with too few playlists left, or -1)."""
    n = positive_offsets[-1] - positive_offsets[0]
    negatives = np.zeros((n, n_negatives), np.uint32)
    stamps = np.zeros(n_playlists, np.int64)
    batch = 0
    for row in range(len(users)):
        if positive_offsets[row] == positive_offsets[row + 1]:
            continue
        barred = -np.int64(row) - 1
        n_free = n_playlists
        for playlist in excluded[excluded_offsets[row] : excluded_offsets[row + 1]]:
            n_free -= stamps[playlist] != barred
            stamps[playlist] = barred
        for i in range(positive_offsets[row], positive_offsets[row + 1]):
            # The positive is liked, so it is excluded already; a caller who forgot it gets no leak all the same.
            n_free -= stamps[positives[i]] != barred
            stamps[positives[i]] = barred
        if n_free < n_negatives:
            return negatives, row
        for i in range(positive_offsets[row], positive_offsets[row + 1]):
            key = pair_key(seed, BATCH, users[row], positives[i])
            draw_from_catalogue(key, 0, stamps, barred, np.int64(batch) + 1, n_negatives, negatives[batch], 0)
            batch += 1
    return negatives, -1

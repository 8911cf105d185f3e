"""Evaluation batches: one unseen positive with negatives from the whole catalogue."""

import numpy as np
from numba import njit

from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.samples import Blocks, SamplingError, require_one_key_a_user
from buddies_core.kernels.drawing import Catalogue, draw_from_catalogue, empty_stamps, pair_key
from buddies_core.kernels.randomness import BATCH

N_NEGATIVES = 50


def evaluation_batches(
    users: np.ndarray,
    positives: Ragged,
    excluded: Ragged,
    *,
    keys: np.ndarray,
    catalogue: Catalogue,
    seed: int,
    n_negatives: int = N_NEGATIVES,
) -> Blocks:
    """One batch for each (user, positive), its negatives drawn uniformly from what the user neither likes nor owns.

    Each is drawn from (seed, user id, pid) alone. A user to whom fewer than `n_negatives` playlists are left has no
    batch: one with fewer would be an easier one, and its metrics not comparable.

    Args:
        users: index of each user, [n]; the lists below are theirs, in the same order.
        positives: the user's positives of the split to evaluate.
        excluded: playlists the user likes in any split (train, validation and test) or owns.
        keys: key of each of these users, uint64 [n].
        catalogue: all playlists.

    Raises:
        SamplingError: the lists or keys are not one a user.
    """
    require_one_key_a_user(users, keys)
    for name, lists in (("positives", positives), ("excluded", excluded)):
        if len(lists.offsets) != len(users) + 1:
            raise SamplingError(f"{name}: {len(lists.offsets) - 1} lists for {len(users)} users")
    users = np.asarray(users, np.uint32)
    negatives, drawn = _draw_batches(
        users,
        positives.offsets,
        positives.values,
        excluded.offsets,
        excluded.values,
        np.ascontiguousarray(keys, np.uint64),
        catalogue.pids,
        catalogue.cells,
        catalogue.cell_of,
        np.uint64(seed),
        n_negatives,
    )
    return Blocks(
        np.repeat(users, positives.lengths)[drawn],
        positives.values[positives.offsets[0] : positives.offsets[-1]][drawn],
        negatives[drawn],
        0,
    )


@njit(nogil=True, cache=True)
def _draw_batches(
    users, positive_offsets, positives, excluded_offsets, excluded, keys, pids, cells, cell_of, seed, n_negatives
):  # fmt: skip
    """(negatives [n, n_negatives], whether so many were left to draw from [n])."""
    n = positive_offsets[-1] - positive_offsets[0]
    negatives = np.zeros((n, n_negatives), np.uint32)
    drawn = np.ones(n, np.bool_)
    stamps = empty_stamps(cells)
    batch = 0
    for row in range(len(users)):
        if positive_offsets[row] == positive_offsets[row + 1]:
            continue
        barred = -np.int64(row) - 1
        n_free = len(pids)
        for playlist in excluded[excluded_offsets[row] : excluded_offsets[row + 1]]:
            cell = cell_of[playlist]
            n_free -= stamps[cell] != barred
            stamps[cell] = barred
        for i in range(positive_offsets[row], positive_offsets[row + 1]):
            # The positive is liked, so it is excluded already; a caller who forgot it gets no leak all the same.
            cell = cell_of[positives[i]]
            n_free -= stamps[cell] != barred
            stamps[cell] = barred
        if n_free < n_negatives:
            n_batches = positive_offsets[row + 1] - positive_offsets[row]
            drawn[batch : batch + n_batches] = False
            batch += n_batches
            continue
        for i in range(positive_offsets[row], positive_offsets[row + 1]):
            key = pair_key(seed, BATCH, keys[row], pids[positives[i]])
            draw_from_catalogue(key, 0, cells, stamps, barred, np.int64(batch) + 1, n_negatives, negatives[batch], 0)
            batch += 1
    return negatives, drawn

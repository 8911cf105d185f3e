"""User-blocks: one liked playlist of a user with a few that the user does not like, for training."""

import numpy as np
from numba import njit

from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.samples import Blocks, SamplingError, require_one_key_a_user
from buddies_core.kernels.drawing import (
    MISSING,
    Catalogue,
    draw_from_catalogue,
    draw_members,
    empty_stamps,
    pair_key,
)
from buddies_core.kernels.randomness import BLOCK

N_NEGATIVES, N_HARD = 4, 2
_EASY_COUNTER, _CATALOGUE_COUNTER = 1 << 20, 1 << 21


def user_blocks(
    users: np.ndarray,
    positives: Ragged,
    hard: Ragged,
    easy: Ragged,
    excluded: Ragged,
    *,
    keys: np.ndarray,
    catalogue: Catalogue,
    seed: int,
    n_negatives: int = N_NEGATIVES,
    n_hard: int = N_HARD,
) -> Blocks:
    """Draws the negatives of every train positive of `users`, each block from (seed, user id, pid) alone.

    A pool that is too small is made up from the other one, then from the whole catalogue.

    Args:
        users: index of each user, [n]; the lists below are theirs, in the same order.
        positives: playlists the user likes in train.
        hard, easy: the user's sampled pools.
        excluded: playlists the user likes in any split or owns: never drawn from the catalogue.
        keys: key of each of these users, uint64 [n].
        catalogue: all playlists.

    Raises:
        SamplingError: the lists or keys are not one a user, or `n_hard` exceeds `n_negatives`.
    """
    require_one_key_a_user(users, keys)
    for name, lists in (("positives", positives), ("hard", hard), ("easy", easy), ("excluded", excluded)):
        if len(lists.offsets) != len(users) + 1:
            raise SamplingError(f"{name}: {len(lists.offsets) - 1} lists for {len(users)} users")
    if not 0 <= n_hard <= n_negatives:
        raise SamplingError(f"{n_hard} hard of {n_negatives} negatives")
    users = np.asarray(users, np.uint32)
    negatives = _draw_blocks(
        users,
        positives.offsets,
        positives.values,
        hard.offsets,
        hard.values,
        easy.offsets,
        easy.values,
        excluded.offsets,
        excluded.values,
        np.ascontiguousarray(keys, np.uint64),
        catalogue.pids,
        catalogue.cells,
        catalogue.cell_of,
        np.uint64(seed),
        n_negatives,
        n_hard,
    )
    return Blocks(
        np.repeat(users, positives.lengths),
        positives.values[positives.offsets[0] : positives.offsets[-1]],
        negatives,
        int(np.count_nonzero(negatives == MISSING)),
    )


@njit(nogil=True, cache=True)
def _draw_blocks(
    users,
    positive_offsets,
    positives,
    hard_offsets,
    hard,
    easy_offsets,
    easy,
    excluded_offsets,
    excluded,
    keys,
    pids,
    cells,
    cell_of,
    seed,
    n_negatives,
    n_hard,
):
    n = positive_offsets[-1] - positive_offsets[0]
    negatives = np.full((n, n_negatives), MISSING, np.uint32)
    stamps = np.zeros(0, np.int64)
    block = 0
    for row in range(len(users)):
        own_hard = hard[hard_offsets[row] : hard_offsets[row + 1]]
        own_easy = easy[easy_offsets[row] : easy_offsets[row + 1]]
        take_hard = min(n_hard, len(own_hard))
        take_easy = min(n_negatives - take_hard, len(own_easy))
        take_hard = min(n_negatives - take_easy, len(own_hard))
        missing = n_negatives - take_hard - take_easy
        barred = -np.int64(row) - 1
        n_free = 0
        if missing > 0:
            if len(stamps) == 0:
                stamps = empty_stamps(cells)
            n_free = len(pids)
            own_excluded = excluded[excluded_offsets[row] : excluded_offsets[row + 1]]
            own_positives = positives[positive_offsets[row] : positive_offsets[row + 1]]
            for lists in (own_excluded, own_positives, own_hard, own_easy):
                for playlist in lists:
                    cell = cell_of[playlist]
                    n_free -= stamps[cell] != barred
                    stamps[cell] = barred
        for i in range(positive_offsets[row], positive_offsets[row + 1]):
            key = pair_key(seed, BLOCK, keys[row], pids[positives[i]])
            out = negatives[block]
            filled = draw_members(key, 0, own_hard, take_hard, out, 0)
            filled = draw_members(key, _EASY_COUNTER, own_easy, take_easy, out, filled)
            if missing > 0:
                draw_from_catalogue(
                    key,
                    _CATALOGUE_COUNTER,
                    cells,
                    stamps,
                    barred,
                    np.int64(block) + 1,
                    min(missing, n_free),
                    out,
                    filled,
                )
            block += 1
    return negatives

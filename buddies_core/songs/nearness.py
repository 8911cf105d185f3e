"""How near a candidate is to the songs that a listener knows: the nearest, the second, how many are near, the last."""

import numpy as np
from numba import njit
from scipy.sparse import csr_array

COLUMNS = 4
"""nearest, second nearest, songs near to it, sum of their likenesses."""


def nearness(histories: csr_array, alike: csr_array, candidates: np.ndarray) -> np.ndarray:
    """Nearness of candidates to histories, float32 [n, c, COLUMNS].

    Args:
        alike: float32 [n_songs, n_songs], row j holds the songs most like song j.
        candidates: int64 [n, c].
    """
    found = np.zeros((*candidates.shape, COLUMNS), np.float32)
    _near(
        histories.indptr.astype(np.int64),
        histories.indices.astype(np.int64),
        alike.indptr,
        alike.indices,
        alike.data,
        candidates.astype(np.int64),
        found,
    )  # fmt: skip  (what is alike is taken as it is: it is of all songs, and a copy a block would cost more than all)
    return found


@njit(nogil=True, cache=True)
def _near(history_ptr, histories, alike_ptr, alike, values, candidates, found):
    n_songs = len(alike_ptr) - 1
    first, second = np.zeros(n_songs, np.float32), np.zeros(n_songs, np.float32)
    count, total = np.zeros(n_songs, np.float32), np.zeros(n_songs, np.float32)
    for row in range(len(candidates)):
        for at in range(history_ptr[row], history_ptr[row + 1]):
            song = histories[at]
            for place in range(alike_ptr[song], alike_ptr[song + 1]):
                other, value = alike[place], values[place]
                count[other] += 1
                total[other] += value
                if value > first[other]:
                    second[other] = first[other]
                    first[other] = value
                elif value > second[other]:
                    second[other] = value
        for at in range(candidates.shape[1]):
            song = candidates[row, at]
            found[row, at, 0], found[row, at, 1] = first[song], second[song]
            found[row, at, 2], found[row, at, 3] = count[song], total[song]
        for at in range(history_ptr[row], history_ptr[row + 1]):
            song = histories[at]
            for place in range(alike_ptr[song], alike_ptr[song + 1]):
                other = alike[place]
                first[other], second[other], count[other], total[other] = 0.0, 0.0, 0.0, 0.0

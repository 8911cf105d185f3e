"""Songs of listeners, best first."""

from dataclasses import dataclass

import numpy as np

from buddies_core.songs.histories import Histories


@dataclass(frozen=True, slots=True)
class SongLists:
    """Best songs of n listeners: `songs` int32 [n, k] best first and their `chances` float32, falling.

    Where there are fewer the rest of the row is -1 with a chance of 0.
    """

    songs: np.ndarray
    chances: np.ndarray


def same_group(histories: Histories, groups: np.ndarray) -> np.ndarray:
    """Songs that share a group with a song that the listener knows, bool [n, n_songs]."""
    found = np.zeros(histories.plays.shape, bool)
    plays = histories.plays
    for row in range(plays.shape[0]):
        mine = groups[plays.indices[plays.indptr[row] : plays.indptr[row + 1]]]
        found[row] = np.isin(groups, mine[mine >= 0])
    return found


def first_of_group(songs: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether a song is the first of its group in its list, bool [n, c]."""
    found = np.ones(songs.shape, bool)
    for row, mine in enumerate(groups[songs]):
        grouped = np.flatnonzero(mine >= 0)
        firsts = np.unique(mine[grouped], return_index=True)[1]
        repeats = np.setdiff1d(np.arange(len(grouped)), firsts, assume_unique=True)
        found[row, grouped[repeats]] = False
    return found

"""Songs of listeners, best first."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from buddies_core.songs.histories import Histories


@dataclass(frozen=True, slots=True)
class SongLists:
    """Best songs of n listeners: `songs` int32 [n, k] best first and their `chances` float32, falling.

    Where there are fewer the rest of the row is -1 with a chance of 0.
    """

    songs: np.ndarray
    chances: np.ndarray


def same_group(histories: Histories, groups: np.ndarray) -> csr_array:
    """Songs that share a group with a song that the listener knows, 1 in [n, n_songs]."""
    plays = histories.plays
    by_group = np.argsort(groups, kind="stable")
    ascending = groups[by_group]
    found, lengths = [np.empty(0, np.int64)], []
    for row in range(plays.shape[0]):
        mine = np.unique(groups[plays.indices[plays.indptr[row] : plays.indptr[row + 1]]])
        mine = mine[mine >= 0]
        firsts, stops = np.searchsorted(ascending, mine), np.searchsorted(ascending, mine, side="right")
        songs = [by_group[first:stop] for first, stop in zip(firsts.tolist(), stops.tolist(), strict=True)]
        found += songs
        lengths.append(sum(len(part) for part in songs))
    indices = np.concatenate(found)
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=plays.shape)


def first_of_group(songs: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether a song is the first of its group in its list, bool [n, c]."""
    found = np.ones(songs.shape, bool)
    for row, mine in enumerate(groups[songs]):
        grouped = np.flatnonzero(mine >= 0)
        firsts = np.unique(mine[grouped], return_index=True)[1]
        repeats = np.setdiff1d(np.arange(len(grouped)), firsts, assume_unique=True)
        found[row, grouped[repeats]] = False
    return found

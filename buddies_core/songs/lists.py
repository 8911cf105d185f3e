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


@dataclass(frozen=True, slots=True)
class Groups:
    """Songs that are one song to a listener, in reach of their number; made once, for it sorts all songs.

    Attributes:
        of_song: int64 [n_songs], number of each song's group; -1 is no group.
        members: int64 [n_songs], songs by group; ascending: int64 [n_songs], their groups.
    """

    of_song: np.ndarray
    members: np.ndarray
    ascending: np.ndarray

    @classmethod
    def of(cls, groups: np.ndarray) -> "Groups":
        """Of the number of each song's group."""
        members = np.argsort(groups, kind="stable")
        return cls(groups, members, groups[members])

    def with_members(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Songs of groups, one group behind the other, int64, and how many each has, int64 [n]; -1 has none."""
        firsts = np.searchsorted(self.ascending, numbers)
        lengths = np.searchsorted(self.ascending, numbers, side="right") - firsts
        lengths[numbers < 0] = 0
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.members[np.repeat(firsts, lengths) + within], lengths


def same_group(histories: Histories, groups: Groups) -> csr_array:
    """Songs that share a group with a song that the listener knows, 1 in [n, n_songs]."""
    plays = histories.plays
    row = np.repeat(np.arange(plays.shape[0]), np.diff(plays.indptr))
    pairs = np.unique(np.column_stack([row, groups.of_song[plays.indices]]), axis=0)
    songs, lengths = groups.with_members(pairs[:, 1])
    held = np.bincount(pairs[:, 0], weights=lengths, minlength=plays.shape[0]).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(held)])
    return csr_array((np.ones(len(songs), np.float32), songs, indptr), shape=plays.shape)


def first_of_group(songs: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether a song is the first of its group in its list, bool [n, c]."""
    found = np.ones(songs.shape, bool)
    for row, mine in enumerate(groups[songs]):
        grouped = np.flatnonzero(mine >= 0)
        firsts = np.unique(mine[grouped], return_index=True)[1]
        repeats = np.setdiff1d(np.arange(len(grouped)), firsts, assume_unique=True)
        found[row, grouped[repeats]] = False
    return found

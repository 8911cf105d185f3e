"""Songs of two versions as one catalogue: a song is the same where both give it one id of the plays' source."""

from dataclasses import dataclass

import numpy as np

from buddies_core.comparison.stored_version import StoredVersion
from buddies_core.kernels.sorted_lookup import places_in


@dataclass(frozen=True)
class OneCatalogue:
    """Numbers of the songs of two versions, below `n_songs`.

    Attributes:
        first, second: the number of each song of the first and of the second version, int64.
        ids: ids of songs as in the plays, ascending; of_ids: the number of each.
    """

    n_songs: int
    first: np.ndarray
    second: np.ndarray
    ids: np.ndarray
    of_ids: np.ndarray

    @classmethod
    def of(cls, first: StoredVersion, second: StoredVersion) -> "OneCatalogue":
        """The songs of the first version keep their rows; those that only the second has come after them."""
        ids, songs = (np.asarray(first.arrays[name]) for name in ("song_ids", "song_id_songs"))
        more_ids, more_songs = (np.asarray(second.arrays[name]) for name in ("song_ids", "song_id_songs"))
        _, here, there = np.intersect1d(ids, more_ids, assume_unique=True, return_indices=True)
        numbers = np.full(second.n_songs, -1, np.int64)
        # From the last to the first: of a song with several ids, the first of them decides.
        numbers[more_songs[there][::-1]] = songs[here][::-1]
        new = numbers < 0
        numbers[new] = first.n_songs + np.arange(new.sum())
        alone = ~np.isin(more_ids, ids, assume_unique=True)
        every = np.concatenate([ids, more_ids[alone]])
        of_every = np.concatenate([songs.astype(np.int64), numbers[more_songs[alone]]])
        order = np.argsort(every, kind="stable")
        n_songs = first.n_songs + int(new.sum())
        return cls(n_songs, np.arange(first.n_songs), numbers, every[order], of_every[order])

    def numbers_of(self, ids: np.ndarray) -> np.ndarray:
        """Number of each id, -1 for one that neither version knows."""
        found, place = places_in(self.ids, ids)
        numbers = np.full(len(ids), -1, np.int64)
        numbers[found] = self.of_ids[place[found]]
        return numbers

"""What listeners did, as the songs models are shown it: which songs, how often, and when where that is known."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

LEAST = 0.1
"""What a play counts at least, however long ago it was."""


@dataclass(frozen=True, slots=True)
class Histories:
    """Plays of n listeners.

    Attributes:
        plays: float32 [n, n_songs], how often; columns ascending within a row.
        age: float32 [plays.nnz], days since a song was last played, as `plays`; None where plays have no date.
        met: float32 [plays.nnz], days since it was played first; None likewise.
    """

    plays: csr_array
    age: np.ndarray | None = None
    met: np.ndarray | None = None

    @property
    def known(self) -> csr_array:
        """1 for each song that a listener has played, float32."""
        ones = np.ones(self.plays.nnz, np.float32)
        return csr_array((ones, self.plays.indices, self.plays.indptr), shape=self.plays.shape)

    @property
    def lengths(self) -> np.ndarray:
        """Songs of each listener, int64 [n]."""
        return np.diff(self.plays.indptr).astype(np.int64)

    def weights(self, half_life: float) -> csr_array:
        """`known`, or where plays have dates what halves in each `half_life` days, never below `LEAST`."""
        if self.age is None:
            return self.known
        values = np.maximum(0.5 ** (self.age / half_life), LEAST).astype(np.float32)
        return csr_array((values, self.plays.indices, self.plays.indptr), shape=self.plays.shape)

    def lately(self, days: float) -> csr_array:
        """`known` of the last days; empty where plays have no date."""
        kept = np.zeros(self.plays.nnz, bool) if self.age is None else self.age <= days
        return self.only(kept).known

    def only(self, kept: np.ndarray) -> "Histories":
        """The plays of a mask [nnz]; listeners stay in their places."""
        indptr = np.concatenate([[0], np.cumsum(kept)])[self.plays.indptr]
        plays = csr_array((self.plays.data[kept], self.plays.indices[kept], indptr), shape=self.plays.shape)
        return Histories(plays, *(None if part is None else part[kept] for part in (self.age, self.met)))

    def as_of(self, days: float) -> "Histories":
        """The same plays as they were told so many days ago; what was played again since counts as played then."""
        parts = (None if part is None else np.maximum(part - np.float32(days), 0.0) for part in (self.age, self.met))
        return Histories(self.plays, *parts)

    def of(self, rows: np.ndarray) -> "Histories":
        """Some listeners, in the order asked for."""
        starts, stops = self.plays.indptr[rows], self.plays.indptr[rows + 1]
        places = [np.empty(0, np.int64)]
        places += [np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)]
        kept = np.concatenate(places)
        indptr = np.concatenate([[0], np.cumsum(stops - starts)])
        shape = (len(rows), self.plays.shape[1])
        plays = csr_array((self.plays.data[kept], self.plays.indices[kept], indptr), shape=shape)
        return Histories(plays, *(None if part is None else part[kept] for part in (self.age, self.met)))

"""What is asked of the models of playlists, and the candidates that rankers put in order."""

from dataclasses import dataclass

import numpy as np

from buddies_core.sequences.feature_names import FEATURES


@dataclass(frozen=True)
class Query:
    """A playlist as it stands.

    Attributes:
        songs, artists: int arrays of one length, in order; ids behind the vocabulary are unknown.
        title: "" where there is none.
    """

    songs: np.ndarray
    artists: np.ndarray
    title: str = ""


@dataclass(frozen=True)
class Candidates:
    """Songs that could follow, none of them in the playlist.

    Attributes:
        songs: int64 [n], ascending.
        features: float32 [n, len(FEATURES)].
    """

    songs: np.ndarray
    features: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """One feature of all candidates."""
        return self.features[:, FEATURES.index(name)]

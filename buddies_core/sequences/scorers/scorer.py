"""What every scorer does, and what it is shown: the playlist as the vocabulary knows it, and the songs to score."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.query import Query
from buddies_core.sequences.titles import title_hashes

LOOKED_AT = 500
"""Songs at the end of a playlist that any scorer sees."""
RECENT = 10.0
"""Steps back after which a song of the playlist counts 1/e, for scorers that go by what came last."""


@dataclass(frozen=True)
class Shown:
    """The end of a playlist. What is unknown is left out of `known` and `singers`, and keeps its place in the others.

    Attributes:
        songs, artists: int arrays of one length, in order.
        known: int64, the songs that the vocabulary has; `age` how many steps from the end each stands, and `recent`
            float32 what that makes it count.
        singers: int64, the artists that it has, one a song, and `singers_recent` as above.
        title: as it was sent; `words` are the places, in the index, of those of its words that are known.
    """

    songs: np.ndarray
    artists: np.ndarray
    known: np.ndarray
    age: np.ndarray
    recent: np.ndarray
    singers: np.ndarray
    singers_recent: np.ndarray
    title: str
    words: np.ndarray

    @classmethod
    def of(cls, query: Query, index: SequenceIndex) -> Self:
        """What scorers see of a query."""
        songs, artists = query.songs[-LOOKED_AT:], query.artists[-LOOKED_AT:]
        age = np.arange(len(songs) - 1, -1, -1)
        known, sung = songs < index.n_songs, artists < index.n_artists
        return cls(
            *(songs, artists),
            *(songs[known].astype(np.int64), age[known], np.exp(-age[known] / RECENT).astype(np.float32)),
            *(artists[sung].astype(np.int64), np.exp(-age[sung] / RECENT).astype(np.float32)),
            *(query.title, places_of(index.words, title_hashes(query.title))),
        )


@dataclass(frozen=True)
class Found:
    """Songs to score: `songs` int64 [n] and of each its `artist` and, float32, its `share` of the artist's rows."""

    songs: np.ndarray
    artist: np.ndarray
    share: np.ndarray


class Scorer(Protocol):
    """One way to tell what could follow a playlist; for one request at a time."""

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """Songs that it would name, in several arrays and no order; it keeps what it needs to score them."""

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """What it says of each song, by the name of the feature, after `propose`."""

    def clear(self) -> None:
        """Forget the playlist."""


def places_of(hashes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Places, among ascending hashes, of those that are there."""
    place = np.searchsorted(hashes, wanted)
    there = place < len(hashes)
    there[there] = hashes[place[there]] == wanted[there]
    return place[there]

"""What a step of GraphSAGE's training shows and asks: playlists without their targets, and negatives that all share."""

from dataclasses import dataclass

import numpy as np

from buddies_core.errors import SequencesError
from buddies_core.graph.sage import PlaylistGraph
from buddies_core.graph.sage_config import SageConfig


@dataclass(frozen=True)
class Shown:
    """What a step shows of its playlists: `songs`, `artists`, `owner` of each row, `lengths` and distinct `artists_of`.

    What it asks: `target` songs, their `target_artist`, the playlist `mine` of each, and whether it is `inside` what is
    shown and has to be taken out.
    """

    songs: np.ndarray
    artists: np.ndarray
    owner: np.ndarray
    lengths: np.ndarray
    mine: np.ndarray
    target: np.ndarray
    target_artist: np.ndarray
    inside: np.ndarray
    artists_of: np.ndarray

    def part(self, first: int, last: int) -> "Shown":
        """Of the playlists from `first` to `last` alone."""
        rows = slice(*np.searchsorted(self.owner, (first, last)))
        targets = slice(*np.searchsorted(self.mine, (first, last)))
        return Shown(
            self.songs[rows], self.artists[rows], self.owner[rows] - first, self.lengths[first:last],
            self.mine[targets] - first, self.target[targets], self.target_artist[targets], self.inside[targets],
            self.artists_of[first:last],
        )  # fmt: skip


class Sampling:
    """Draws from a graph, and what is counted of it once.

    Attributes:
        lengths: songs of each playlist; `able` are those with two or more.
        degree, artist_degree: playlists that hold each song, and each artist.
        edge_artists: artist of each edge.
        log_share: logarithm of how often a song is expected among the negatives, float32 [n_songs].

    Raises:
        SequencesError: no playlist has two songs.
    """

    def __init__(self, graph: PlaylistGraph, config: SageConfig) -> None:
        self.graph, self.config = graph, config
        self.lengths = np.diff(graph.indptr)
        self.able = np.flatnonzero(self.lengths >= 2)
        if not len(self.able):
            raise SequencesError("no playlist of the graph has two songs: there is no edge to predict from another.")
        self.edge_artists = graph.artist_of[graph.songs].astype(np.int64)
        self.degree = np.bincount(graph.songs, minlength=graph.n_songs)
        self._by_artist = np.sort(graph.owner << 32 | self.edge_artists)
        pairs = np.unique(self._by_artist)
        self.artist_degree = np.bincount(pairs & 0xFFFFFFFF, minlength=graph.n_artists + 1)
        weights = self.degree**config.exponent
        share = 0.5 * weights / weights.sum() + 0.5 / graph.n_songs
        self._cumulative = np.cumsum(weights) / weights.sum()
        self.log_share = np.log(share * config.negatives).astype(np.float32)

    def shown(self, playlists: np.ndarray, rng: np.random.Generator) -> Shown:
        """What a step shows of its playlists and what it asks: of every other one all but the target, as when links
        are told; of the rest a few songs, from one up, as when a playlist is continued."""
        lengths = self.lengths[playlists]
        starts = np.cumsum(lengths) - lengths
        rows = np.repeat(self.graph.indptr[playlists] - starts, lengths) + np.arange(lengths.sum())
        owner = np.repeat(np.arange(len(playlists)), lengths)
        draw = np.lexsort((rng.random(len(rows)), owner))
        turn = np.arange(len(rows)) - starts[owner]
        few = rng.random(len(playlists)) < self.config.partly
        most = np.minimum(np.exp(rng.random(len(playlists)) * np.log(lengths)).astype(np.int64), lengths - 1)
        context = np.where(few, np.maximum(most, 1), lengths)
        first = np.where(few, context, 0)
        kept = draw[turn < context[owner]]
        asked = draw[(turn >= first[owner]) & (turn < first[owner] + self.config.targets)]
        songs, artists = self.graph.songs[rows], self.edge_artists[rows]
        pairs = np.unique(owner[kept] << 32 | artists[kept])
        return Shown(
            songs[kept], artists[kept], owner[kept], context, owner[asked], songs[asked], artists[asked],
            (~few)[owner[asked]].astype(np.int64), np.bincount(pairs >> 32, minlength=len(playlists)),
        )  # fmt: skip

    def alone(self, playlists: np.ndarray, artists: np.ndarray) -> np.ndarray:
        """Whether a playlist has one song of an artist, and would not have the artist without it."""
        key = playlists << 32 | artists
        return np.searchsorted(self._by_artist, key, "right") - np.searchsorted(self._by_artist, key, "left") == 1

    def negatives(self, rng: np.random.Generator) -> np.ndarray:
        """Distinct within each half: the first by popularity, the second evenly."""
        half = self.config.negatives // 2
        popular = np.searchsorted(self._cumulative, rng.random(half), side="right")
        even = rng.integers(0, self.graph.n_songs, self.config.negatives - half)
        return np.concatenate([np.minimum(popular, self.graph.n_songs - 1), even]).astype(np.int64)


def by_song(graph: PlaylistGraph) -> tuple[np.ndarray, np.ndarray]:
    """The edges the other way: int64 [n_songs + 1] and, int32, the playlists that hold each song, ascending."""
    order = np.argsort(graph.songs, kind="stable")
    ends = np.cumsum(np.bincount(graph.songs, minlength=graph.n_songs))
    return np.concatenate([np.zeros(1, np.int64), ends]), graph.owner[order].astype(np.int32)


def of_the_same_artist(mine: np.ndarray, owner: np.ndarray, artists: np.ndarray, artist: np.ndarray) -> np.ndarray:
    """Songs of the target's artist in its playlist, the target among them."""
    edges = np.sort(owner << 32 | artists)
    key = mine << 32 | artist
    return np.searchsorted(edges, key, "right") - np.searchsorted(edges, key, "left")


def beside(
    playlists: int, owner: np.ndarray, songs: np.ndarray, artists: np.ndarray, negatives: np.ndarray,
    singers: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Whether each playlist holds each negative, and how many songs it has of each negative's artist."""
    distinct, place = np.unique(negatives, return_inverse=True)
    at = np.minimum(np.searchsorted(distinct, songs), len(distinct) - 1)
    hit = distinct[at] == songs
    held = np.zeros((playlists, len(distinct)), bool)
    held[owner[hit], at[hit]] = True
    distinct_singers, singer = np.unique(singers, return_inverse=True)
    at = np.minimum(np.searchsorted(distinct_singers, artists), len(distinct_singers) - 1)
    hit = distinct_singers[at] == artists
    same = np.bincount(
        owner[hit] * len(distinct_singers) + at[hit], minlength=playlists * len(distinct_singers)
    ).reshape(playlists, -1)
    return held[:, place], same[:, singer]

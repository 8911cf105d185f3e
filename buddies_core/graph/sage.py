"""GraphSAGE on playlists and songs (Hamilton et al. 2017): the vectors of nodes are made from their neighbours'.

A playlist has no row of its own: its vector is a function of its songs' vectors and of its features, so a playlist
never seen before has one as soon as it has a song. A song's vector is made from its own, its artist's, and its
playlists'; a song never seen before has its artist's. The score of a pair is the product of both, and what popularity
and songs by the same artist say. With z = song + artist:

    playlist  u = sum of z / sqrt(songs + 1) * exp(features . gate);   p = u A + tanh(u B + features C + b) D
    song      h = own + z E + (mean over its playlists of their mean z) F
    score     p . h + popularity(song) + popularity(artist) + same(songs of that artist in the playlist) + p . g
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

DEGREES = 24
"""Steps of a popularity: 0, 1, 2, then twice an octave."""
FEATURES = ("log_songs", "artists_a_song", "log_followers")


@dataclass(frozen=True)
class PlaylistGraph:
    """Edges of playlists and songs that messages run along.

    Attributes:
        indptr, songs: int64, int32; songs of each playlist.
        artist_of: int32 [n_songs], of every song, those without an edge among them.
        followers: float32 [n_playlists].
        n_artists: of the vocabulary.
    """

    indptr: np.ndarray
    songs: np.ndarray
    artist_of: np.ndarray
    followers: np.ndarray
    n_artists: int

    @property
    def n_songs(self) -> int:
        """Songs, those without an edge among them."""
        return len(self.artist_of)

    @property
    def n_playlists(self) -> int:
        """Playlists, those without an edge among them."""
        return len(self.indptr) - 1

    @property
    def owner(self) -> np.ndarray:
        """Playlist of each edge, int64."""
        return np.repeat(np.arange(self.n_playlists), np.diff(self.indptr))

    def features(self) -> np.ndarray:
        """`FEATURES` of each playlist, float32 [n_playlists, 3], of about one deviation."""
        lengths = np.diff(self.indptr)
        pairs = np.unique(self.owner << 32 | self.artist_of[self.songs].astype(np.int64))
        artists = np.bincount(pairs >> 32, minlength=self.n_playlists)
        return playlist_features(lengths, artists, self.followers)


def playlist_features(lengths: np.ndarray, artists: np.ndarray, followers: np.ndarray) -> np.ndarray:
    """`FEATURES` from the numbers of songs, of distinct artists and of followers."""
    each = (np.log1p(lengths) / 2 - 2, artists / np.maximum(lengths, 1) - 0.5, np.log1p(followers) / 2 - 1)
    return np.column_stack(each).astype(np.float32)


def degree_step(degree: np.ndarray) -> np.ndarray:
    """Step of a popularity, int64 below `DEGREES`."""
    return np.minimum(np.where(degree < 2, degree, 2 * np.log2(np.maximum(degree, 1))), DEGREES - 1).astype(np.int64)


@dataclass(frozen=True)
class SageModel:
    """A trained network, as numpy arrays.

    Attributes:
        songs, own: float32 [n_songs, d]; artists: float32 [n_artists + 1, d], the last row for an unknown one.
        a, b, c, d, bias, e, f, g, gate: the matrices above; the gate makes as much of one song as of many.
        by_degree, by_artist_degree: float32 [DEGREES].
        same: float32 [8], by how many songs of the artist the playlist has.
        places: float32 [n_songs, d], mean over a song's playlists of their mean z; `degree`, `artist_degree` int32.
        threshold: logit from which on a pair is called a link, chosen on validation.
    """

    songs: np.ndarray
    own: np.ndarray
    artists: np.ndarray
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    bias: np.ndarray
    e: np.ndarray
    f: np.ndarray
    g: np.ndarray
    gate: np.ndarray
    by_degree: np.ndarray
    by_artist_degree: np.ndarray
    same: np.ndarray
    places: np.ndarray
    degree: np.ndarray
    artist_degree: np.ndarray
    artist_of: np.ndarray
    threshold: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The model from its arrays; scores are equal to the bit."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def song_vectors(self) -> np.ndarray:
        """h of every song, float32 [n_songs, d]."""
        z = self.songs + self.artists[self.artist_of]
        return self.own + z @ self.e + self.places @ self.f

    def song_scores(self) -> np.ndarray:
        """What popularity says of every song, float32 [n_songs]."""
        artist = self.artist_degree[np.minimum(self.artist_of, len(self.artist_degree) - 1)]
        return self.by_degree[degree_step(self.degree)] + self.by_artist_degree[degree_step(artist)]

    def playlist_vector(self, songs: np.ndarray, artists: np.ndarray, followers: float = 0.0) -> np.ndarray:
        """p of any playlist, float32 [d], by its songs and artists; ids behind the vocabulary are unknown."""
        known = songs[songs < len(self.songs)]
        singers = self.artists[np.minimum(artists, len(self.artists) - 1)]
        z = self.songs[known].sum(0) + singers.sum(0)
        count = len(artists)
        u = z / np.sqrt(np.float32(count + 1))
        features = playlist_features(
            np.array([count]), np.array([len(np.unique(artists))]), np.array([followers], np.float32)
        )[0]
        u = u * np.exp(features @ self.gate)
        return (u @ self.a + np.tanh(u @ self.b + features @ self.c + self.bias) @ self.d).astype(np.float32)

    def all_scores(self, songs: np.ndarray, artists: np.ndarray, followers: float = 0.0) -> np.ndarray:
        """Logit of every song for a playlist, float32 [n_songs]."""
        p = self.playlist_vector(songs, artists, followers)
        held = np.bincount(np.minimum(artists, len(self.artists) - 1), minlength=len(self.artists))
        same = self.same[np.minimum(held, len(self.same) - 1)]
        same[-1] = self.same[0]
        return self._vectors() @ p + self._popularity() + same[self.artist_of] + p @ self.g

    def _vectors(self) -> np.ndarray:
        if "vectors" not in self.__dict__:
            object.__setattr__(self, "vectors", self.song_vectors())
            object.__setattr__(self, "popularity", self.song_scores())
        return self.__dict__["vectors"]

    def _popularity(self) -> np.ndarray:
        self._vectors()
        return self.__dict__["popularity"]


def link_scores(
    model: SageModel, graph: PlaylistGraph, playlists: np.ndarray, songs: np.ndarray, *, at_once: int = 65_536
) -> np.ndarray:
    """Logit of each (playlist, song) pair that is no edge of the graph, float32."""
    vectors, popularity = model._vectors(), model._popularity()
    z = model.songs + model.artists[model.artist_of]
    lengths = np.diff(graph.indptr)
    u = sums_of_rows(graph.indptr, z[graph.songs]) / np.sqrt(lengths + 1)[:, None].astype(np.float32)
    features = graph.features()
    u = u * np.exp(features @ model.gate)[:, None]
    p = u @ model.a + np.tanh(u @ model.b + features @ model.c + model.bias) @ model.d
    edges = np.sort(graph.owner << 32 | graph.artist_of[graph.songs].astype(np.int64))
    scores = np.empty(len(songs), np.float32)
    for first in range(0, len(songs), at_once):
        part = slice(first, first + at_once)
        one, other = playlists[part].astype(np.int64), songs[part]
        key = one << 32 | model.artist_of[other].astype(np.int64)
        held = np.searchsorted(edges, key, "right") - np.searchsorted(edges, key, "left")
        product = np.einsum("ij,ij->i", p[one], vectors[other])
        same = model.same[np.minimum(held, len(model.same) - 1)]
        scores[part] = product + popularity[other] + same + (p @ model.g)[one]
    return scores


def sums_of_rows(indptr: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum of the rows `values[indptr[i]:indptr[i + 1]]` for each i, float32."""
    sums = np.zeros((len(indptr) - 1, values.shape[1]), np.float32)
    filled = np.flatnonzero(np.diff(indptr))
    if len(filled):
        sums[filled] = np.add.reduceat(values, indptr[filled], axis=0)
    return sums

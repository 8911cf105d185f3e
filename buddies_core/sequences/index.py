"""What the models of sequences know, as plain arrays: all that a request needs, importable without a kernel."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from buddies_core.artifact.errors import ServedModelError


@dataclass(frozen=True)
class SequenceIndex:
    """Everything fitted on playlists, by name: what is stored in a checkpoint and in an artifact.

    A `*_ptr` array is int64 [n + 1] and cuts the arrays of the same prefix into rows. Sparse rows are sorted by
    weight, greatest first.

    Attributes:
        playlist_ptr, playlist_songs: int32, the playlists in order.
        posting_ptr, posting_playlists, posting_places: int32, where each song stands; of a song in more playlists
            than a request can look at, a sample of them.
        popularity: int32 [n_songs], playlists that hold the song.
        artist_of: int32 [n_songs].
        artist_ptr, artist_songs: int32, the songs of each artist, most popular first.
        near_ptr, near_songs, near_weights, near_counts: songs within 20 steps.
        next_ptr, next_songs, next_weights, next_counts: songs one step on.
        artist_next_*, artist_near_*, artist_with_*: artists one step on, within 8 steps, in the same playlist.
        song_factors: float32 [n_songs, d], of ALS; `gram` float32 [d, d] their Gram matrix with its ridge.
        wide_factors, wide_gram: of a second ALS, of more columns and less weight on what is in a playlist.
        alphas: float32 [3], the weight of what is in a playlist, in each ALS.
        forward_ptr, forward_songs, forward_weights: songs within three steps on.
        artist_factors, artist_gram: of an ALS of playlists by artists; its alpha is the third of `alphas`.
        artist_posting_ptr, artist_posting_playlists: int32, playlists that hold each artist, sampled as songs' are.
        inputs, outputs: float32 [n_songs, d], of skip-gram.
        word_ptr, word_playlists: int32, playlists whose title holds each word; `word_factors` float32 [n_words, d].
        words: uint64 [n_words] hashes of the title's words, ascending.
        name_words: uint64 hashes, ascending, of words of songs' own titles; name_ptr, name_songs: int32, the most
            popular songs that hold each.
        artist_names: uint64 hashes, ascending, of whole names; artist_of_name: int32, the artist of each.
    """

    playlist_ptr: np.ndarray
    playlist_songs: np.ndarray
    posting_ptr: np.ndarray
    posting_playlists: np.ndarray
    posting_places: np.ndarray
    popularity: np.ndarray
    artist_of: np.ndarray
    artist_ptr: np.ndarray
    artist_songs: np.ndarray
    near_ptr: np.ndarray
    near_songs: np.ndarray
    near_weights: np.ndarray
    near_counts: np.ndarray
    next_ptr: np.ndarray
    next_songs: np.ndarray
    next_weights: np.ndarray
    next_counts: np.ndarray
    artist_next_ptr: np.ndarray
    artist_next_items: np.ndarray
    artist_next_weights: np.ndarray
    artist_near_ptr: np.ndarray
    artist_near_items: np.ndarray
    artist_near_weights: np.ndarray
    artist_with_ptr: np.ndarray
    artist_with_items: np.ndarray
    artist_with_weights: np.ndarray
    song_factors: np.ndarray
    gram: np.ndarray
    wide_factors: np.ndarray
    wide_gram: np.ndarray
    alphas: np.ndarray
    forward_ptr: np.ndarray
    forward_songs: np.ndarray
    forward_weights: np.ndarray
    artist_factors: np.ndarray
    artist_gram: np.ndarray
    artist_posting_ptr: np.ndarray
    artist_posting_playlists: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    words: np.ndarray
    word_ptr: np.ndarray
    word_playlists: np.ndarray
    word_factors: np.ndarray
    name_words: np.ndarray
    name_ptr: np.ndarray
    name_songs: np.ndarray
    artist_names: np.ndarray
    artist_of_name: np.ndarray

    @property
    def n_songs(self) -> int:
        """Size of the vocabulary."""
        return len(self.popularity)

    @property
    def n_artists(self) -> int:
        """Artists of the vocabulary."""
        return len(self.artist_ptr) - 1

    @property
    def n_playlists(self) -> int:
        """Playlists learned from."""
        return len(self.playlist_ptr) - 1

    def top_songs(self, artists: np.ndarray, most: int) -> np.ndarray:
        """The `most` most popular songs of each artist, one artist after another."""
        entries, owner = rows_of(self.artist_ptr, artists.astype(np.int64))
        place = entries - self.artist_ptr[artists][owner]
        return self.artist_songs[entries[place < most]]

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The index from its arrays; others are ignored.

        Raises:
            ServedModelError: an array is missing, as in what an older version stored.
        """
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise ServedModelError(f"the model of playlists lacks {', '.join(missing[:3])}: fit it again")
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def rows_of(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the entries of some rows, one row after another, and which of `rows` each belongs to."""
    lengths = indptr[rows + 1] - indptr[rows]
    owner = np.repeat(np.arange(len(rows)), lengths)
    starts = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) + (indptr[rows] - starts)[owner], owner

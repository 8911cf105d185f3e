"""What is known of songs without any playlist: their artists, and the words by which a title may name either."""

from dataclasses import dataclass

import numpy as np

from buddies_core.interactions.song_key import SEPARATOR
from buddies_core.sequences.corpus import Songs
from buddies_core.sequences.titles import word_hash

_SHORTEST = 3
_MOST_SONGS = 500


@dataclass(frozen=True)
class Catalogue:
    """Artists and names of a vocabulary.

    Attributes:
        artist_of: int32 [n_songs].
        word: uint64, hash of a word of a song's title; `song` int32, the song; one row a (word, song), by word.
        artist_names: uint64 [n_artists], hash of each artist's whole name.
    """

    artist_of: np.ndarray
    word: np.ndarray
    song: np.ndarray
    artist_names: np.ndarray

    def words_of_songs(self, popularity: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distinct words, ascending, and as CSR the most popular songs of each that some playlist holds."""
        held = popularity[self.song] > 0
        word, song = self.word[held], self.song[held]
        order = np.lexsort((song, -popularity[song], word))
        word, song = word[order], song[order]
        words, starts, sizes = np.unique(word, return_index=True, return_counts=True)
        kept = np.arange(len(song)) - np.repeat(starts, sizes) < _MOST_SONGS
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.minimum(sizes, _MOST_SONGS))])
        return words, indptr, song[kept]


def catalogue_of(songs: Songs) -> Catalogue:
    """The catalogue of a vocabulary."""
    titles = songs.table["key"].str.split(SEPARATOR).list.first().to_list()
    pairs = [
        (word_hash(word), song)
        for song, title in enumerate(titles)
        for word in set(title.split())
        if len(word) >= _SHORTEST
    ]
    word = np.array([pair[0] for pair in pairs], np.uint64)
    song = np.array([pair[1] for pair in pairs], np.int32)
    names = np.array([word_hash(name) for name in songs.artists.to_list()], np.uint64)
    return Catalogue(songs.artist_of, word, song, names)

"""What a title points to: playlists that share its words, artists that it names, and songs whose titles share them."""

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.scorers.like_playlists import LIKE_PLAYLISTS
from buddies_core.sequences.scorers.scorer import Found, Shown, places_of
from buddies_core.sequences.scorers.table import Table
from buddies_core.sequences.titles import plain_words, word_hash

_ARTISTS = 60
"""Artists of like-titled playlists whose songs are proposed."""
_OF_AN_ARTIST, _OF_A_NAMED_ARTIST = 10, 240


class TitleWords:
    """By words of playlists' titles, and by names of artists and songs."""

    def __init__(self, index: SequenceIndex, per_scorer: int, word_idf: np.ndarray) -> None:
        self._index, self._per_scorer, self._word_idf = index, per_scorer, word_idf
        self._songs, self._songs_named = Table(index.n_songs), Table(index.n_songs)
        self._artists, self._artists_named = Table(index.n_artists), Table(index.n_artists)
        self._playlists = Table(index.n_playlists)
        self._lengths = np.diff(index.playlist_ptr).astype(np.float32)

    @property
    def playlists(self) -> int:
        """Playlists whose title shares a word."""
        return len(self._playlists.touched())

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """Songs of like-titled playlists, of their artists, and what the title names."""
        pools = self._named(plain_words(shown.title))
        if len(shown.words):
            pools += self._like_titled(shown.words)
        return pools

    def _like_titled(self, words: np.ndarray) -> list[np.ndarray]:
        index = self._index
        entries, owner = rows_of(index.word_ptr, words)
        self._playlists.add(index.word_playlists[entries], self._word_idf[words][owner] ** 2)
        best = self._playlists.best(LIKE_PLAYLISTS)
        rows, owner = rows_of(index.playlist_ptr, best)
        items = index.playlist_songs[rows]
        known = items < index.n_songs
        items = items[known]
        weights = (self._playlists.values[best] ** 2 / np.sqrt(self._lengths[best] + 10))[owner][known]
        self._songs.add(items, weights)
        self._artists.add(index.artist_of[items], weights)
        artists = self._artists.best(_ARTISTS)
        return [self._songs.best(2 * self._per_scorer), index.top_songs(artists, _OF_AN_ARTIST)]

    def _named(self, words: list[str]) -> list[np.ndarray]:
        """Artists that the title names, and songs whose own titles share its words."""
        index = self._index
        phrases = [" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + 5, len(words) + 1))]
        artists = index.artist_of_name[places_of(index.artist_names, _hashes(phrases))].astype(np.int64)
        self._artists_named.count(artists)
        places = places_of(index.name_words, _hashes(words))
        entries, owner = rows_of(index.name_ptr, places)
        rare = np.log1p(np.float32(index.n_songs)) - np.log1p(np.diff(index.name_ptr)[places]).astype(np.float32)
        self._songs_named.add(index.name_songs[entries], rare[owner])
        return [index.top_songs(artists, _OF_A_NAMED_ARTIST), self._songs_named.best(self._per_scorer)]

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """Sums over like-titled playlists, and how much of the title a song or its artist is named by."""
        return {
            "title_knn": self._songs.values[found.songs],
            "title_artist": self._artists.values[found.artist],
            "named_song": self._songs_named.values[found.songs],
            "named_artist": self._artists_named.values[found.artist],
        }

    def clear(self) -> None:
        """Forget the playlist."""
        for table in (self._songs, self._songs_named, self._artists, self._artists_named, self._playlists):
            table.clear()


def _hashes(words: list[str]) -> np.ndarray:
    return np.array([word_hash(word) for word in dict.fromkeys(words)], np.uint64)

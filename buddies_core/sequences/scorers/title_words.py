"""What a title points to: playlists that share its words, artists that it names, and songs whose titles share them."""

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.scorers.scorer import Found, Shown, places_of
from buddies_core.sequences.scorers.tally import Tally
from buddies_core.sequences.titles import plain_words, word_hash

_LIKE_TITLED = 500
"""Playlists, of those whose title is most like, whose songs are looked at."""
_ARTISTS = 60
"""Artists of like-titled playlists whose songs are proposed."""
_OF_AN_ARTIST, _OF_A_NAMED_ARTIST = 10, 240


class TitleWords:
    """By words of playlists' titles, and by names of artists and songs."""

    def __init__(self, index: SequenceIndex, per_scorer: int, word_idf: np.ndarray) -> None:
        self._index, self._per_scorer, self._word_idf = index, per_scorer, word_idf
        self._songs, self._songs_named = Tally(index.n_songs), Tally(index.n_songs)
        self._artists, self._artists_named = Tally(index.n_artists), Tally(index.n_artists)
        self._playlists = Tally(index.n_playlists)
        self._lengths = np.diff(index.playlist_ptr).astype(np.float32)

    @property
    def playlists(self) -> int:
        """Playlists whose title shares a word."""
        return len(self._playlists.items)

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """Songs of like-titled playlists, of their artists, and what the title names."""
        pools = self._named(plain_words(shown.title))
        if len(shown.words):
            pools += self._like_titled(shown.words)
        return pools

    def _like_titled(self, words: np.ndarray) -> list[np.ndarray]:
        index = self._index
        entries, owner = rows_of(index.word_ptr, words)
        self._playlists.of(index.word_playlists[entries]).add("like", self._word_idf[words][owner] ** 2)
        best = self._playlists.best("like", _LIKE_TITLED)
        like = self._playlists.at(best, ("like",))["like"]
        rows, owner = rows_of(index.playlist_ptr, best)
        items = index.playlist_songs[rows]
        known = items < index.n_songs
        items = items[known]
        weights = (like**2 / np.sqrt(self._lengths[best] + 10))[owner][known]
        self._songs.of(items).add("title_knn", weights)
        self._artists.of(index.artist_of[items]).add("title_artist", weights)
        artists = self._artists.best("title_artist", _ARTISTS)
        return [self._songs.best("title_knn", 2 * self._per_scorer), index.top_songs(artists, _OF_AN_ARTIST)]

    def _named(self, words: list[str]) -> list[np.ndarray]:
        """Artists that the title names, and songs whose own titles share its words."""
        index = self._index
        phrases = [" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + 5, len(words) + 1))]
        artists = index.artist_of_name[places_of(index.artist_names, _hashes(phrases))].astype(np.int64)
        self._artists_named.of(artists).add("named_artist")
        places = places_of(index.name_words, _hashes(words))
        entries, owner = rows_of(index.name_ptr, places)
        rare = np.log1p(np.float32(index.n_songs)) - np.log1p(np.diff(index.name_ptr)[places]).astype(np.float32)
        self._songs_named.of(index.name_songs[entries]).add("named_song", rare[owner])
        return [index.top_songs(artists, _OF_A_NAMED_ARTIST), self._songs_named.best("named_song", self._per_scorer)]

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """Sums over like-titled playlists, and how much of the title a song or its artist is named by."""
        said = self._songs.at(found.songs, ("title_knn",)) | self._songs_named.at(found.songs, ("named_song",))
        said |= self._artists.at(found.artist, ("title_artist",))
        return said | self._artists_named.at(found.artist, ("named_artist",))

    def clear(self) -> None:
        """Forget the playlist."""
        for tally in (self._songs, self._songs_named, self._artists, self._artists_named, self._playlists):
            tally.clear()


def _hashes(words: list[str]) -> np.ndarray:
    return np.array([word_hash(word) for word in dict.fromkeys(words)], np.uint64)

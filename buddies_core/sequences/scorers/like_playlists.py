"""Songs of the playlists that are most like this one, by the songs or by the artists that they share."""

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.scorers.scorer import Found, Shown
from buddies_core.sequences.scorers.tally import Tally

LIKE_PLAYLISTS = 250
"""Playlists, the most like, whose songs are looked at."""
LOOKED_BACK = 60
"""Songs at the end whose artists like playlists share."""
REACH = 15.0
"""Steps from the match after which a song of a like playlist counts 1/e."""
RIDGE_PLAYLISTS, RIDGE = 64, 100.0


class LikePlaylists:
    """Nearest neighbours of a playlist: `stan` goes by order (Garg et al. 2019), `knn` does not, `ridge` is EASE."""

    def __init__(self, index: SequenceIndex, per_scorer: int) -> None:
        self._index, self._per_scorer = index, per_scorer
        self._songs = {name: Tally(index.n_songs) for name in ("stan", "knn", "ridge", "artist_knn")}
        self._like, self._by_artist = Tally(index.n_playlists), Tally(index.n_playlists)
        self._match = np.zeros(index.n_playlists, np.int32)
        self._lengths = np.diff(index.playlist_ptr).astype(np.float32)
        self._idf = np.log(index.n_playlists / np.maximum(index.popularity, 1)).astype(np.float32) + np.float32(0.1)
        holders = np.maximum(np.diff(index.artist_posting_ptr), 1)
        self._artist_idf = np.log(max(index.n_playlists, 2) / holders).astype(np.float32) + np.float32(0.1)

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """The best songs of each way to be like."""
        if len(shown.known):
            self._match_songs(shown)
            self._stan()
            self._knn()
            self._ridge(shown.known)
        if len(shown.singers):
            self._artist_knn(np.unique(shown.singers[-LOOKED_BACK:]))
        return [tally.best(name, self._per_scorer) for name, tally in self._songs.items()]

    def _match_songs(self, shown: Shown) -> None:
        """How like each playlist is, and the place in it of the last song that it shares."""
        entries, owner = rows_of(self._index.posting_ptr, shown.known)
        playlists, idf = self._index.posting_playlists[entries], self._idf[shown.known][owner]
        self._match[playlists] = self._index.posting_places[entries]
        weights = idf / np.sqrt(self._lengths[playlists] + 10)
        self._like.of(playlists)
        self._like.add("recent", weights * shown.recent[owner])
        self._like.add("all", weights)

    def _most_like(self, tally: Tally, name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Playlists and how like each is."""
        playlists = tally.best(name, most)
        return playlists, tally.at(playlists, (name,))[name]

    def _stan(self) -> None:
        """Songs near the match, those after it before those in front of it."""
        best, like = self._most_like(self._like, "recent", LIKE_PLAYLISTS)
        rows, owner, items = self._known_songs(best)
        gap = rows - (self._index.playlist_ptr[best] + self._match[best])[owner]
        weights = np.exp(np.abs(gap).astype(np.float32) * np.float32(-1 / REACH)) * like[owner]
        self._songs["stan"].of(items).add("stan", np.where(gap > 0, weights, np.float32(0.8) * weights))

    def _knn(self) -> None:
        best, like = self._most_like(self._like, "all", LIKE_PLAYLISTS)
        _, owner, items = self._known_songs(best)
        songs = self._songs["knn"].of(items)
        songs.add("knn", (like**1.5)[owner])
        songs.add("knn_count")

    def _ridge(self, songs: np.ndarray) -> None:
        """Ridge regression on the most like playlists: EASE in its dual form, on what matters to this request."""
        best, _ = self._most_like(self._like, "all", RIDGE_PLAYLISTS)
        _, owner, items = self._known_songs(best)
        tally = self._songs["ridge"].of(items)
        held = tally.add("held")
        column = tally.entries
        shared = held[column] > 1
        number = np.cumsum(held > 1) - 1
        matrix = np.zeros((len(best), int((held > 1).sum())), np.float32)
        matrix[owner[shared], number[column[shared]]] = 1
        gram = matrix @ matrix.T
        np.fill_diagonal(gram, self._lengths[best] + np.float32(RIDGE))
        overlap = np.bincount(owner, weights=np.isin(tally.items, songs)[column], minlength=len(best))
        weights = np.linalg.solve(gram.astype(np.float64), overlap)
        tally.add("ridge", weights[owner])

    def _artist_knn(self, artists: np.ndarray) -> None:
        """Songs of the playlists that share most artists with this one."""
        entries, owner = rows_of(self._index.artist_posting_ptr, artists)
        playlists = self._index.artist_posting_playlists[entries]
        weights = self._artist_idf[artists][owner] / np.sqrt(self._lengths[playlists] + 10)
        self._by_artist.of(playlists).add("all", weights)
        best, like = self._most_like(self._by_artist, "all", LIKE_PLAYLISTS)
        _, owner, items = self._known_songs(best)
        self._songs["artist_knn"].of(items).add("artist_knn", (like**2)[owner])

    def _known_songs(self, playlists: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Songs of playlists that the vocabulary has: where each stands, whose of `playlists` it is, and its id."""
        rows, owner = rows_of(self._index.playlist_ptr, playlists)
        items = self._index.playlist_songs[rows]
        known = items < self._index.n_songs
        return rows[known], owner[known], items[known]

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """Sums of what like playlists count."""
        said = self._songs["knn"].at(found.songs, ("knn", "knn_count"))
        for name in ("stan", "ridge", "artist_knn"):
            said |= self._songs[name].at(found.songs, (name,))
        return said

    def clear(self) -> None:
        """Forget the playlist; `match` is only read where it was written anew."""
        for tally in (*self._songs.values(), self._like, self._by_artist):
            tally.clear()

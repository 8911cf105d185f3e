"""Songs of the playlists that are most like this one, by the songs or by the artists that they share."""

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.scorers.scorer import Found, Shown
from buddies_core.sequences.scorers.table import Table

LIKE_PLAYLISTS = 500
"""Playlists, the most like, whose songs are looked at."""
LOOKED_BACK = 60
"""Songs at the end whose artists like playlists share."""
REACH = 15.0
"""Steps from the match after which a song of a like playlist counts 1/e."""
RIDGE_PLAYLISTS, RIDGE = 128, 100.0


class LikePlaylists:
    """Nearest neighbours of a playlist: `stan` goes by order (Garg et al. 2019), `knn` does not, `ridge` is EASE."""

    def __init__(self, index: SequenceIndex, per_scorer: int) -> None:
        self._index, self._per_scorer = index, per_scorer
        self._songs = {name: Table(index.n_songs) for name in ("stan", "knn", "knn_count", "ridge", "artist_knn")}
        self._recent, self._all, self._by_artist = (Table(index.n_playlists) for _ in range(3))
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
        return [self._songs[name].best(self._per_scorer) for name in ("stan", "knn", "ridge", "artist_knn")]

    def _match_songs(self, shown: Shown) -> None:
        """How like each playlist is, and the place in it of the last song that it shares."""
        entries, owner = rows_of(self._index.posting_ptr, shown.known)
        playlists, idf = self._index.posting_playlists[entries], self._idf[shown.known][owner]
        self._match[playlists] = self._index.posting_places[entries]
        norm = 1 / np.sqrt(self._lengths[playlists] + 10)
        self._recent.add(playlists, idf * shown.recent[owner] * norm)
        self._all.add(playlists, idf * norm)

    def _stan(self) -> None:
        """Songs near the match, those after it before those in front of it."""
        best = self._recent.best(LIKE_PLAYLISTS)
        rows, owner, items = self._known_songs(best)
        gap = rows - self._index.playlist_ptr[best][owner] - self._match[best][owner]
        weights = np.exp(-np.abs(gap) / REACH) * self._recent.values[best][owner]
        self._songs["stan"].add(items, np.where(gap > 0, weights, 0.8 * weights))

    def _knn(self) -> None:
        best = self._all.best(LIKE_PLAYLISTS)
        _, owner, items = self._known_songs(best)
        self._songs["knn"].add(items, (self._all.values[best] ** 1.5)[owner])
        self._songs["knn_count"].count(items)

    def _ridge(self, songs: np.ndarray) -> None:
        """Ridge regression on the most like playlists: EASE in its dual form, on what matters to this request."""
        best = self._all.best(RIDGE_PLAYLISTS)
        _, owner, items = self._known_songs(best)
        distinct, column, held = np.unique(items, return_inverse=True, return_counts=True)
        shared = held[column] > 1
        number = np.cumsum(held > 1) - 1
        matrix = np.zeros((len(best), int((held > 1).sum())), np.float32)
        matrix[owner[shared], number[column[shared]]] = 1
        gram = matrix @ matrix.T
        np.fill_diagonal(gram, self._lengths[best] + np.float32(RIDGE))
        overlap = np.bincount(owner, weights=np.isin(distinct, songs)[column], minlength=len(best))
        weights = np.linalg.solve(gram.astype(np.float64), overlap)
        self._songs["ridge"].add(items, weights[owner])

    def _artist_knn(self, artists: np.ndarray) -> None:
        """Songs of the playlists that share most artists with this one."""
        entries, owner = rows_of(self._index.artist_posting_ptr, artists)
        playlists = self._index.artist_posting_playlists[entries]
        norm = 1 / np.sqrt(self._lengths[playlists] + 10)
        self._by_artist.add(playlists, self._artist_idf[artists][owner] * norm)
        best = self._by_artist.best(LIKE_PLAYLISTS // 2)
        _, owner, items = self._known_songs(best)
        self._songs["artist_knn"].add(items, (self._by_artist.values[best] ** 2)[owner])

    def _known_songs(self, playlists: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Songs of playlists that the vocabulary has: where each stands, whose of `playlists` it is, and its id."""
        rows, owner = rows_of(self._index.playlist_ptr, playlists)
        items = self._index.playlist_songs[rows]
        known = items < self._index.n_songs
        return rows[known], owner[known], items[known]

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """Sums of what like playlists count."""
        return {name: table.values[found.songs] for name, table in self._songs.items()}

    def clear(self) -> None:
        """Forget the playlist; `match` is only read where it was written anew."""
        for table in (*self._songs.values(), self._recent, self._all, self._by_artist):
            table.clear()

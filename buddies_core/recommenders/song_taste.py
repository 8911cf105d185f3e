"""A listener's taste of songs: how likely they are to play each song that they are not known to have.

Two EASE models and popularity, blended. One learns from what listeners play, with a row for each artist's songs; one
from what playlists hold. Their weights come from plays that were hidden once more and that the first model was
refitted without, by least squares with no weight below zero: the blend is then a linear estimate of a probability.
Everything is linear in the library, so that what is kept is one sparse matrix and the popularity of each song.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from buddies_core.kernels.randomness import TASTE, uniform
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.ease import Ease, EaseConfig

PLAYS = EaseConfig(ridge=200.0, feature_weight=5.0, exact_items=4_000)
PLAYLISTS = EaseConfig(ridge=50.0, exact_items=4_000)
KEPT = 400
"""Songs, the heaviest, that keep a weight in the score of a song."""
OF_ITSELF = 0.03
"""What a song told of by as much as a play adds to its own chance; the weights say what it adds to others'."""
HIDDEN_SHARE = 0.3
FEWEST_SONGS = 5
"""Listeners with fewer songs hide none of them."""
MOST_LISTENERS = 5_000
"""Listeners, those of the smallest hashes, whose hidden plays the blend is learnt from."""
_AT_ONCE = 256


@dataclass(frozen=True)
class SongTaste:
    """The fitted model.

    Attributes:
        weights: float32 csr [n_songs, n_songs]; column s scores song s.
        popularity: float32 [n_songs]; a song's share of all plays times its weight in the blend.
        blend: weights of plays, playlists and popularity, float64 [3].
    """

    weights: csr_array
    popularity: np.ndarray
    blend: np.ndarray

    @classmethod
    def fit(
        cls,
        plays: csr_array,
        playlists: csr_array,
        artists: csr_array,
        *,
        user_hashes: np.ndarray,
        song_hashes: np.ndarray,
        seed: int,
        told: csr_array | None = None,
    ) -> Self:
        """Learn from libraries and playlists.

        Args:
            plays: float32 [n_users, n_songs], 1 where a listener has a song.
            playlists: float32 [n_playlists, n_songs], 1 where a playlist holds a song.
            artists: float32 [n_artists, n_songs], 1 for each artist's songs.
            user_hashes, song_hashes: uint64, of the ids, so that a new listener changes nobody's hidden plays.
            told: what listeners said of songs, between -1 and 1, [n_users, n_songs]. Songs above zero are learnt from
                and asked for as plays are.

        Raises:
            TrainingError: nobody has a song.
        """
        if not plays.nnz:
            raise TrainingError("taste of songs: no listener has a song that a playlist could hold")
        if told is not None:
            plays = (plays + told.maximum(0)).tocsr()
            plays.eliminate_zeros()
        of_playlists = Ease(PLAYLISTS).fit(playlists) if playlists.nnz else None
        asked = _listeners(plays, user_hashes)
        hidden = _hidden(plays, asked, user_hashes, song_hashes, seed)
        blend = np.array([1.0, 0.0, 0.0])
        if hidden.any():
            rest = _only(plays, ~hidden)
            of_rest = Ease(PLAYS).fit(rest, artists)
            blend = _blend(rest, _only(plays, hidden), asked, of_rest, of_playlists)
            del of_rest
        of_plays = Ease(PLAYS).fit(plays, artists)
        weights = _heaviest(of_plays.weights, blend[0])
        if of_playlists is not None and blend[1]:
            weights = _heaviest((weights + _heaviest(of_playlists.weights, blend[1])).tocsr(), 1.0)
        return cls(weights, (_popularity(plays) * blend[2]).astype(np.float32), blend)

    def scores(self, histories: csr_array, told: csr_array | None = None) -> np.ndarray:
        """Scores of all songs, float32 [n, n_songs], not below zero; those that a listener has are scored as well.

        Args:
            histories: float32 [n, n_songs], 1 where a listener has a song.
            told: what they said of songs, between -1 and 1, same shape: it counts beside the plays.
        """
        rows = histories if told is None else histories + told
        scores = (rows.astype(np.float32) @ self.weights).toarray()
        scores += np.diff(histories.indptr).astype(np.float32)[:, None] * self.popularity
        if told is not None:
            scores += np.float32(OF_ITSELF) * told.toarray()
        return np.maximum(scores, 0.0, out=scores)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """What a dataset stores; `from_arrays` makes the same model of it."""
        w = self.weights
        return {"indptr": w.indptr, "indices": w.indices, "values": w.data, "popularity": self.popularity}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], blend: np.ndarray) -> Self:
        """The fitted model again."""
        n = len(arrays["popularity"])
        weights = csr_array((arrays["values"], arrays["indices"], arrays["indptr"]), shape=(n, n))
        return cls(weights, arrays["popularity"], blend)


def artist_rows(artists: list[str]) -> csr_array:
    """A row for each artist of more than one song, float32 [n_artists, n_songs]; case does not tell artists apart."""
    _, number, sizes = np.unique([name.lower() for name in artists], return_inverse=True, return_counts=True)
    several = sizes[number] > 1
    rows, columns = np.unique(number[several], return_inverse=True)[1], np.flatnonzero(several)
    shape = (int(rows.max(initial=-1)) + 1, len(artists))
    return csr_array((np.ones(len(columns), np.float32), (rows, columns)), shape=shape)


def _popularity(plays: csr_array) -> np.ndarray:
    return np.bincount(plays.indices, minlength=plays.shape[1]) / plays.nnz


def _listeners(plays: csr_array, user_hashes: np.ndarray) -> np.ndarray:
    """Rows that may hide plays: enough songs, and of those the smallest hashes."""
    able = np.flatnonzero(np.diff(plays.indptr) >= FEWEST_SONGS)
    return np.sort(able[np.argsort(user_hashes[able], kind="stable")[:MOST_LISTENERS]])


def _hidden(
    plays: csr_array, asked: np.ndarray, user_hashes: np.ndarray, song_hashes: np.ndarray, seed: int
) -> np.ndarray:
    """Which of the plays are hidden, bool [entries]."""
    row = np.repeat(np.arange(plays.shape[0]), np.diff(plays.indptr))
    able = np.zeros(plays.shape[0], bool)
    able[asked] = True
    hidden = able[row]
    places = np.flatnonzero(hidden)
    draws = uniform(seed, TASTE, user_hashes[row[places]], song_hashes[plays.indices[places]])
    hidden[places] = draws < HIDDEN_SHARE
    return hidden


def _only(plays: csr_array, kept: np.ndarray) -> csr_array:
    indptr = np.concatenate([[0], np.cumsum(kept)])[plays.indptr]
    return csr_array((plays.data[kept], plays.indices[kept], indptr), shape=plays.shape)


def _blend(
    rest: csr_array, hidden: csr_array, asked: np.ndarray, of_plays: Ease, of_playlists: Ease | None
) -> np.ndarray:
    """Non-negative least squares of "played" on the scores of the songs that the rest does not show."""
    from scipy.optimize import nnls

    gram, target = np.zeros((3, 3)), np.zeros(3)
    popularity = _popularity(rest).astype(np.float32)
    for start in range(0, len(asked), _AT_ONCE):
        rows = rest[asked[start : start + _AT_ONCE]]
        unknown = rows.toarray() == 0
        played = (hidden[asked[start : start + _AT_ONCE]].toarray() > 0)[unknown].astype(np.float64)
        lengths = np.diff(rows.indptr).astype(np.float32)[:, None]
        parts = [of_plays.scores(rows)[unknown]]
        parts.append(np.zeros_like(parts[0]) if of_playlists is None else of_playlists.scores(rows)[unknown])
        parts.append(np.broadcast_to(lengths * popularity, unknown.shape)[unknown])
        features = np.stack(parts).astype(np.float64)
        gram += features @ features.T
        target += features @ played
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-12))
    root = np.linalg.cholesky(gram / np.outer(scale, scale) + 1e-6 * np.eye(3))
    found = nnls(root.T, np.linalg.solve(root, target / scale))[0] / scale
    return found if found[:2].any() else np.array([1.0, 0.0, 0.0])


def _heaviest(weights: np.ndarray | csr_array, factor: float) -> csr_array:
    """The `KEPT` greatest weights of each column, times a factor, as csr."""
    if not isinstance(weights, np.ndarray):
        columns = weights.tocsc()
        kept = np.ones(columns.nnz, bool)
        for column in np.flatnonzero(np.diff(columns.indptr) > KEPT):
            first, last = columns.indptr[column], columns.indptr[column + 1]
            order = np.argsort(-np.abs(columns.data[first:last]), kind="stable")
            kept[first + order[KEPT:]] = False
        indptr = np.concatenate([[0], np.cumsum(kept)])[columns.indptr]
        shape = (columns.shape[1], columns.shape[0])
        by_column = csr_array((columns.data[kept] * np.float32(factor), columns.indices[kept], indptr), shape=shape)
        return by_column.T.tocsr()
    n = len(weights)
    most = min(KEPT, n)
    rows = np.empty((n, most), np.int32)
    values = np.empty((n, most), np.float32)
    for start in range(0, n, _AT_ONCE):
        part = np.ascontiguousarray(weights[:, start : start + _AT_ONCE].T)
        found = np.sort(np.argpartition(-np.abs(part), most - 1, axis=1)[:, :most], axis=1)
        rows[start : start + _AT_ONCE] = found
        values[start : start + _AT_ONCE] = np.take_along_axis(part, found, axis=1) * np.float32(factor)
    by_column = csr_array((values.ravel(), rows.ravel(), np.arange(n + 1) * most), shape=(n, n))
    result = by_column.T.tocsr()
    result.eliminate_zeros()
    return result

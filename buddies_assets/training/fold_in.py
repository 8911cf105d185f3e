"""Fold-in: factors at once for a user or playlist that training never saw, from its songs.

Songs get vectors from a truncated SVD of users' and playlists' libraries together; a library's content is the mean of
its songs' vectors, plus its log length and 1/root length; a ridge regression maps content to factors, one map for users
and one for playlists. Everything is closed-form: minutes at full size, microseconds a user. Users have four maps, for
libraries of about 1, 3 and 10 songs and for longer ones, each fitted on libraries cut to that length: the fewer songs
are known, the closer to the average user the best guess is, and one linear map cannot say that for all.

A user's map does not aim at the trained factors: what they share, that popular playlists are liked by many, BPR leaves
to the users' large differences, and a guess that knows little of those would know nothing. It aims at the vector whose
scores are nearest to the user's train likes (one for a like, zero for the rest of the catalogue), of length one. The
average of those scores is popularity, so that a guess that knows nothing ranks as the most-liked list does.
"""

from dataclasses import dataclass

import numpy as np

from buddies_assets.algorithms.libraries import Library
from buddies_assets.algorithms.randomness import TRAINING, hash_pairs
from buddies_assets.training.data import even_places
from buddies_assets.training.evaluation import popularity

_KNOWN = TRAINING << 8 | 5
_OVERSAMPLED, _POWER_ITERATIONS = 16, 4
_KNOTS = (1, 3, 10)
_ROWS = 1 << 17
_LITTLE = 1e-4

BOUNDS = (2, 6, 20)
"""Numbers of known songs at which the next of the user maps takes over."""


@dataclass(frozen=True, slots=True)
class FoldIn:
    """Song vectors and the maps, all float32.

    `songs` [n_songs, k]; `user_maps` [4, k + 3, d] and `playlist_map` [k + 3, d] take content, log length, 1/root
    length and 1 to factors. The user maps are for fewer than 2, fewer than 6, fewer than 20, and for more songs.
    """

    songs: np.ndarray
    user_maps: np.ndarray
    playlist_map: np.ndarray

    def users(self, libraries: Library) -> np.ndarray:
        """Factors of users known by these songs, float32 [n_rows, d]."""
        inputs = content(libraries, self.songs)
        level = np.searchsorted(BOUNDS, libraries.lengths, side="right")
        factors = np.empty((len(inputs), self.user_maps.shape[2]), np.float32)
        for at, user_map in enumerate(self.user_maps):
            factors[level == at] = inputs[level == at] @ user_map
        return factors

    def playlists(self, libraries: Library) -> np.ndarray:
        """Factors of playlists with these songs, float32 [n_rows, d]."""
        return content(libraries, self.songs) @ self.playlist_map


def fit_fold_in(
    playlists: np.ndarray,
    user_songs: Library,
    playlist_songs: Library,
    train: Library,
    *,
    most: int = 200_000,
    rank: int = 128,
    ridge: float = 10.0,
    seed: int = 0,
) -> FoldIn:
    """Fit the maps to a model's playlists and to its train likes.

    On at most `most` users and playlists, spread evenly: the maps have 131 rows, and what a song is near to is known
    from a hundred thousand libraries as well as from a million.

    Args:
        playlists: trained factors, float32 [n_playlists, d].
        train: likes that the model was trained on; users and playlists without any take part in the song vectors alone.
        rank: columns of the song vectors (fewer if there are fewer songs).
        ridge: penalty, relative to one row.
    """
    from threadpoolctl import threadpool_limits

    users, rows = even_places(train.n_rows, most), even_places(train.n_columns, most)
    # One thread: sums do not depend on the machine, and small products gain nothing from more.
    with threadpool_limits(1, user_api="blas"):
        songs = song_vectors(select(user_songs, users), select(playlist_songs, rows), rank=rank, seed=seed)
        users, rows = users[train.lengths[users] > 0], rows[popularity(train)[rows] > 0]
        whole = select(user_songs, users)
        shown = [*(first_known(whole, known, seed=seed) for known in _KNOTS), whole]
        targets = likes_in_factors(select(train, users), playlists)
        user_maps = np.stack([_ridge(content(library, songs), targets, ridge) for library in shown])
        playlist_map = _ridge(content(select(playlist_songs, rows), songs), playlists[rows], ridge)
        return FoldIn(songs, user_maps, playlist_map)


def likes_in_factors(likes: Library, playlists: np.ndarray) -> np.ndarray:
    """For each row of likes the vector whose dot products with all playlists come nearest to it, of length one.

    Least squares over the whole catalogue: the inverse of the playlists' Gram matrix, times the sum of those liked.

    Returns:
        float32 [likes.n_rows, d].
    """
    from scipy.sparse import csr_array

    ones = np.ones(len(likes.indices), np.float32)
    sums = csr_array((ones, likes.indices, likes.indptr), (likes.n_rows, likes.n_columns)) @ playlists
    gram = (playlists.T @ playlists).astype(np.float64)
    gram += _LITTLE * max(float(np.trace(gram)), 1e-12) / len(gram) * np.eye(len(gram))
    nearest = np.linalg.solve(gram, sums.T.astype(np.float64)).T
    return (nearest / np.maximum(np.linalg.norm(nearest, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def song_vectors(user_songs: Library, playlist_songs: Library, *, rank: int, seed: int) -> np.ndarray:
    """Right singular vectors of both libraries' rows (each of length one), scaled, float32 [n_songs, rank].

    Randomised subspace iteration (Halko, Martinsson, Tropp 2011). Songs are weighted by 1/root of how often they
    occur, so that the vectors do not spend themselves on what everybody plays.
    """
    from scipy.sparse import csr_array, vstack

    rows = []
    for library in (user_songs, playlist_songs):
        weight = np.repeat(1.0 / np.sqrt(np.maximum(library.lengths, 1)), library.lengths).astype(np.float32)
        rows.append(
            csr_array((weight, library.indices.astype(np.int32), library.indptr), (library.n_rows, library.n_columns))
        )
    matrix = vstack(rows).tocsr()
    n_songs = user_songs.n_columns
    idf = _song_weights(np.bincount(matrix.indices, minlength=n_songs))
    matrix.data *= idf[matrix.indices]
    rank = min(rank, n_songs, user_songs.n_rows + playlist_songs.n_rows)
    columns = min(rank + _OVERSAMPLED, n_songs)
    basis = np.random.default_rng(seed).standard_normal((n_songs, columns)).astype(np.float32)
    for _ in range(_POWER_ITERATIONS):
        basis, _ = np.linalg.qr(matrix.T @ (matrix @ basis))
    _, _, turn = np.linalg.svd(np.linalg.qr(matrix @ basis)[1], full_matrices=False)
    vectors = (basis @ turn.T)[:, :rank] * idf[:, None]
    return np.ascontiguousarray(vectors / max(float(np.abs(vectors).mean()), 1e-12), np.float32)


def _song_weights(occurrences: np.ndarray) -> np.ndarray:
    return (1.0 / np.sqrt(np.maximum(occurrences, 1))).astype(np.float32)


def content(libraries: Library, songs: np.ndarray) -> np.ndarray:
    """Inputs of the maps, float32 [n_rows, k + 3]: mean song vector, log(1 + length), 1/root length, 1."""
    from scipy.sparse import csr_array

    lengths = np.maximum(libraries.lengths, 1).astype(np.float32)
    shape = (libraries.n_rows, libraries.n_columns)
    matrix = csr_array((np.ones(len(libraries.indices), np.float32), libraries.indices, libraries.indptr), shape)
    mean = (matrix @ songs) / lengths[:, None]
    return np.column_stack([mean, np.log1p(libraries.lengths), 1.0 / np.sqrt(lengths), np.ones(len(lengths))]).astype(
        np.float32
    )


def first_known(libraries: Library, known: int, *, seed: int) -> Library:
    """Each row cut to at most `known` members, those of smallest hash: a uniform sample of the library."""
    rows = np.repeat(np.arange(libraries.n_rows), libraries.lengths)
    hashes = hash_pairs(seed, _KNOWN, rows, libraries.indices)
    order = np.lexsort((hashes, rows))
    place = np.arange(len(order)) - np.repeat(libraries.indptr[:-1], libraries.lengths)
    kept = order[place < known]
    return Library.from_pairs(rows[kept], libraries.indices[kept], libraries.n_rows, libraries.n_columns)


def select(libraries: Library, rows: np.ndarray) -> Library:
    """The given rows, in the order given."""
    lengths = libraries.lengths[rows]
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    place = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths) + np.repeat(libraries.indptr[rows], lengths)
    return Library(indptr, libraries.indices[place], libraries.n_columns)


def only(libraries: Library, rows: np.ndarray) -> Library:
    """The libraries with every row but the given (ascending) ones emptied, so that rows keep their numbers."""
    kept = select(libraries, rows)
    lengths = np.zeros(libraries.n_rows, np.int64)
    lengths[rows] = kept.lengths
    return Library(np.concatenate([[0], np.cumsum(lengths)]), kept.indices, libraries.n_columns)


def _ridge(inputs: np.ndarray, targets: np.ndarray, ridge: float) -> np.ndarray:
    """Least squares with a penalty on standardised columns; sums in float64, in pieces."""
    scale = np.sqrt(np.mean(np.square(inputs, dtype=np.float64), axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    width = inputs.shape[1]
    gram, moment = np.zeros((width, width)), np.zeros((width, targets.shape[1]))
    for first in range(0, len(inputs), _ROWS):
        part = inputs[first : first + _ROWS] / scale
        gram += part.T @ part
        moment += part.T @ targets[first : first + _ROWS]
    solved = np.linalg.solve(gram + ridge * np.eye(width), moment)
    return (solved / scale[:, None]).astype(np.float32)

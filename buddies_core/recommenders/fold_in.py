"""Fold-in: factors at once for a user or playlist that training never saw, from its songs.

Songs get vectors from a truncated SVD of users' and playlists' libraries together; a library's content is the mean of
its songs' vectors, plus its log length and 1/root length; a ridge regression maps content to factors, one map for users
and one for playlists. Everything is closed-form: minutes at full size, microseconds a user. Users have four maps, for
libraries of about 1, 3 and 10 songs and for longer ones, each fitted on libraries cut to that length: the fewer songs
are known, the closer to the average user the best guess is, and one linear map cannot say that for all.

A user's map does not aim at the trained factors: what they share, that popular playlists are liked by many, BPR leaves
to the users' large differences, and a guess that knows little of those would know nothing. It aims at the vector whose
scores are nearest to the user's train likes (one for a like, zero for the rest of the catalogue), of length one.

What users have in common is the popularity of playlists, and factors tell it the worse the more playlists there are. So
popularity is one column more of the catalogue. A map's guess is then drawn towards popularity alone, as far as ranks
best for users that it was not fitted on: who is known by nothing gets the most-liked list, who is known by little
nearly that.
"""

from dataclasses import dataclass

import numpy as np

from buddies_core.evaluation.ranks import bag_ranks, popularity
from buddies_core.evaluation.sampled_negatives import N_NEGATIVES, evaluation_batches
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.row_sums import row_sums
from buddies_core.kernels.drawing import Catalogue
from buddies_core.kernels.randomness import TRAINING, hash_pairs
from buddies_core.recommenders.bpr.data import Bags, even_places
from buddies_core.recommenders.factors import Factors, aligned
from buddies_core.recommenders.song_vectors import song_vectors, tall_product

_KNOWN = TRAINING << 8 | 5
_TRUSTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Shares of the map's own guess that are tried; the rest is popularity."""
_HELD_OUT, _JUDGED_BAGS = 1_000, 50_000
_KNOTS = (1, 3, 10)
_LITTLE = 1e-4

BOUNDS = (2, 6, 20)
"""Numbers of known songs at which the next of the user maps takes over."""


@dataclass(frozen=True, slots=True)
class FoldIn:
    """Song vectors, the maps and popularity, all float32.

    `songs` [n_songs, k]; `user_maps` [4, k + 3, d + 1] and `playlist_map` [k + 3, d] take content, log length, 1/root
    length and 1 to factors. The user maps are for fewer than 2, fewer than 6, fewer than 20, and for more songs; their
    last column goes with `popularity` [n_playlists], which is as large as a column of factors.
    """

    songs: np.ndarray
    user_maps: np.ndarray
    playlist_map: np.ndarray
    popularity: np.ndarray

    def users(self, libraries: Library) -> np.ndarray:
        """Factors of users known by these songs, float32 [n_rows, d + 1], to be scored with the `catalogue`."""
        inputs = content(libraries, self.songs)
        level = np.searchsorted(BOUNDS, libraries.lengths, side="right")
        factors = np.empty((len(inputs), self.user_maps.shape[2]), np.float32)
        for at, user_map in enumerate(self.user_maps):
            factors[level == at] = inputs[level == at] @ user_map
        return factors

    def catalogue(self, playlists: np.ndarray) -> np.ndarray:
        """Playlists' factors [n_playlists, d] with their popularity as one column more."""
        return _beside(playlists, self.popularity)

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
        likers = popularity(train)
        users, rows = users[train.lengths[users] > 0], rows[likers[rows] > 0]
        column = _as_large_as(likers, playlists)
        user_maps = _user_maps(
            songs, select(user_songs, users), select(train, users), _beside(playlists, column), ridge=ridge, seed=seed
        )
        playlist_map = _ridge(content(select(playlist_songs, rows), songs), playlists[rows], ridge)
        return FoldIn(songs, user_maps, playlist_map, column)


def _user_maps(
    songs: np.ndarray, libraries: Library, likes: Library, catalogue: np.ndarray, *, ridge: float, seed: int
) -> np.ndarray:
    """A map for each level of knowledge, each drawn towards popularity as far as the users held out say."""
    held = np.zeros(likes.n_rows, bool)
    held[even_places(likes.n_rows, min(_HELD_OUT, likes.n_rows // 5))] = True
    targets = likes_in_factors(likes, catalogue)
    alone = _popularity_alone(targets[~held], catalogue)
    bags = _bags(select(likes, np.flatnonzero(held)), seed)
    # Which songs stand for few is a matter of this fit alone, so its own rows will do for the draw.
    rows = np.arange(libraries.n_rows)
    maps = []
    for known in (*_KNOTS, None):
        inputs = content(libraries if known is None else first_known(libraries, known, keys=rows, seed=seed), songs)
        guess = _ridge(inputs[~held], targets[~held], ridge)
        only_popular = np.zeros_like(guess)
        only_popular[-1] = alone
        maps.append(_best_blend(guess, only_popular, inputs[held], catalogue, bags))
    return np.stack(maps)


def _best_blend(
    guess: np.ndarray, only_popular: np.ndarray, inputs: np.ndarray, catalogue: np.ndarray, bags: Bags | None
) -> np.ndarray:
    """The blend of two maps by which the bags' users are ranked best; without bags, the guess."""
    if bags is None:
        return guess
    blends = [(trust * guess + (1 - trust) * only_popular).astype(np.float32) for trust in _TRUSTS]
    return max(blends, key=lambda blend: (1.0 / bag_ranks(Factors(inputs @ blend, catalogue), bags)).mean())


def _bags(likes: Library, seed: int) -> Bags | None:
    """Each like among negatives of the whole catalogue; None without users, or where one likes nearly all of it."""
    if not likes.n_rows or likes.lengths.max() > likes.n_columns - N_NEGATIVES:
        return None
    lists = Ragged(likes.indptr, likes.indices)
    # These bags choose between blends within this fit and are never seen again, so rows will do for the draws.
    rows, catalogue = np.arange(likes.n_rows), Catalogue.of(np.arange(likes.n_columns))
    drawn = evaluation_batches(rows, lists, lists, keys=rows, catalogue=catalogue, seed=seed)
    return Bags(drawn.user, drawn.positive, drawn.negatives).head(_JUDGED_BAGS)


def _popularity_alone(targets: np.ndarray, catalogue: np.ndarray) -> np.ndarray:
    """The multiple of the popularity column whose scores are nearest to those of the mean target, float32 [d + 1]."""
    popular = catalogue[:, -1]
    alone = np.zeros(catalogue.shape[1], np.float32)
    alone[-1] = (catalogue @ targets.mean(axis=0)) @ popular / max(float(popular @ popular), 1e-12)
    return alone


def _as_large_as(likers: np.ndarray, playlists: np.ndarray) -> np.ndarray:
    """Likers scaled to the root mean square of the factors, float32: no column outweighs another in least squares."""
    size, wanted = (np.sqrt(np.mean(np.square(values, dtype=np.float64))) for values in (likers, playlists))
    return (likers * (wanted / max(size, 1e-12))).astype(np.float32)


def _beside(playlists: np.ndarray, column: np.ndarray) -> np.ndarray:
    wide = aligned((len(playlists), playlists.shape[1] + 1))
    wide[:, :-1], wide[:, -1] = playlists, column
    return wide


def likes_in_factors(likes: Library, playlists: np.ndarray) -> np.ndarray:
    """For each row of likes the vector whose dot products with all playlists come nearest to it, of length one.

    Least squares over the whole catalogue: the inverse of the playlists' Gram matrix, times the sum of those liked.

    Returns:
        float32 [likes.n_rows, d].
    """
    sums = row_sums(likes, playlists)
    gram = (playlists.T @ playlists).astype(np.float64)
    gram += _LITTLE * max(float(np.trace(gram)), 1e-12) / len(gram) * np.eye(len(gram))
    nearest = np.linalg.solve(gram, sums.T.astype(np.float64)).T
    return (nearest / np.maximum(np.linalg.norm(nearest, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def content(libraries: Library, songs: np.ndarray) -> np.ndarray:
    """Inputs of the maps, float32 [n_rows, k + 3]: mean song vector, log(1 + length), 1/root length, 1."""
    lengths = np.maximum(libraries.lengths, 1).astype(np.float32)
    mean = row_sums(libraries, songs) / lengths[:, None]
    return np.column_stack([mean, np.log1p(libraries.lengths), 1.0 / np.sqrt(lengths), np.ones(len(lengths))]).astype(
        np.float32
    )


def first_known(libraries: Library, known: int, *, keys: np.ndarray, seed: int) -> Library:
    """Each row cut to at most `known` members, those of smallest hash: a uniform sample of the library.

    `keys` are what draws know the rows by, [n_rows].
    """
    rows = np.repeat(np.arange(libraries.n_rows), libraries.lengths)
    hashes = hash_pairs(seed, _KNOWN, np.asarray(keys)[rows], libraries.indices)
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
    """Least squares with a penalty on standardised columns."""
    scale = np.sqrt(np.mean(np.square(inputs, dtype=np.float64), axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    gram, moment = tall_product(inputs, inputs) / np.outer(scale, scale), tall_product(inputs, targets) / scale[:, None]
    solved = np.linalg.solve(gram + ridge * np.eye(len(gram)), moment)
    return (solved / scale[:, None]).astype(np.float32)

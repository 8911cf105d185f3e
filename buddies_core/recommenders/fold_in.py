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
nearly that. Those users' libraries take no part in the song vectors either that this is measured with, as those of new
listeners take none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from buddies_core.evaluation.paired import paired_gain
from buddies_core.evaluation.ranks import case_ranks, popularity
from buddies_core.evaluation.sampled_negatives import evaluation_batches
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.row_sums import row_sums
from buddies_core.kernels.drawing import Catalogue
from buddies_core.kernels.randomness import TRAINING, hash_pairs
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.factors import Factors, RowKeys, aligned
from buddies_core.recommenders.song_vectors import song_vectors, tall_product

_KNOWN, _CHOSEN = TRAINING << 8 | 5, TRAINING << 8 | 8
_TRUSTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Shares of the map's own guess that are tried; the rest is popularity."""
_HELD_OUT, _JUDGED_CASES = 1_000, 50_000
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
    keys: RowKeys | None = None,
) -> FoldIn:
    """Fit the maps to a model's playlists and to its train likes.

    On at most `most` users and playlists, drawn by their keys: the maps have 131 rows, and what a song is near to
    is known from a hundred thousand libraries as well as from a million.

    Args:
        playlists: trained factors, float32 [n_playlists, d].
        train: likes that the model was trained on; users without any take no part, playlists without any take part in
            the song vectors alone.
        rank: columns of the song vectors (fewer if there are fewer songs).
        ridge: penalty, relative to one row.
        keys: what draws know users, playlists and songs by; the rows' numbers without.
    """
    keys = keys or RowKeys.of_rows(train.n_rows, train.n_columns, user_songs.n_columns)
    from threadpoolctl import threadpool_limits

    users, rows = drawn_rows(keys.users, most, seed), drawn_rows(keys.playlists, most, seed)
    # One thread: sums do not depend on the machine, and small products gain nothing from more.
    with threadpool_limits(1, user_api="blas"):
        # Without a like in train a user takes no part at all: those who are set aside are as new to the song vectors
        # as a listener of tomorrow, so that what is measured on them is what that listener gets.
        users = users[train.lengths[users] > 0]
        libraries, likes = select(user_songs, users), select(train, users)
        contents, likers = select(playlist_songs, rows), popularity(train)
        rows = rows[likers[rows] > 0]
        column = _as_large_as(likers, playlists)
        catalogue = _beside(playlists, column)
        held = np.zeros(len(users), bool)
        own = RowKeys(keys.users[users], keys.playlists, keys.songs)
        held[drawn_rows(own.users, min(_HELD_OUT, len(users) // 5), seed)] = True
        others = select(libraries, np.flatnonzero(~held))
        known = song_vectors(others, contents, rank=rank, seed=seed, keys=keys.songs)
        trusts = _trusts(_Fit(known, libraries, likes, catalogue, ridge, seed, own), held)
        songs = song_vectors(libraries, contents, rank=rank, seed=seed, keys=keys.songs)
        user_maps = _user_maps(_Fit(songs, libraries, likes, catalogue, ridge, seed, own), trusts)
        playlist_map = _ridge(content(select(playlist_songs, rows), songs), playlists[rows], ridge)
        return FoldIn(songs, user_maps, playlist_map, column)


@dataclass(frozen=True, slots=True)
class _Fit:
    """What the users' maps are fitted to."""

    songs: np.ndarray
    libraries: Library
    likes: Library
    catalogue: np.ndarray
    ridge: float
    seed: int
    keys: RowKeys

    def inputs(self, known: int | None) -> np.ndarray:
        """Content of the libraries, cut to so many songs."""
        if known is None:
            return content(self.libraries, self.songs)
        return content(first_known(self.libraries, known, keys=self.keys, seed=self.seed), self.songs)

    def guess_and_popularity(
        self, inputs: np.ndarray, targets: np.ndarray, fitted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The map fitted to some users, and the one that knows nothing but popularity."""
        guess = _ridge(inputs[fitted], targets[fitted], self.ridge)
        only_popular = np.zeros_like(guess)
        only_popular[-1] = _popularity_alone(targets[fitted], self.catalogue)
        return guess, only_popular


def _user_maps(fit: _Fit, trusts: Sequence[float]) -> np.ndarray:
    """A map for each level of knowledge, each drawn towards popularity as far as its trust says."""
    targets, everybody = likes_in_factors(fit.likes, fit.catalogue), np.ones(fit.likes.n_rows, bool)
    maps = []
    for known, trust in zip((*_KNOTS, None), trusts, strict=True):
        guess, only_popular = fit.guess_and_popularity(fit.inputs(known), targets, everybody)
        maps.append(_blend(guess, only_popular, trust))
    return np.stack(maps)


def _trusts(fit: _Fit, held: np.ndarray) -> list[float]:
    """For each level of knowledge the share of the map's guess by which users who are new to it are ranked best.

    It is 0, popularity alone, where no share is better for sure.

    Args:
        fit: whose song vectors have not seen the libraries of those held out.
        held: who is held out, bool.
    """
    cases = _cases(select(fit.likes, np.flatnonzero(held)), fit.keys.users[held], fit.keys.playlists, fit.seed)
    if cases is None:
        return [1.0] * (len(_KNOTS) + 1)
    targets, found = likes_in_factors(fit.likes, fit.catalogue), []
    for known in (*_KNOTS, None):
        inputs = fit.inputs(known)
        guess, only_popular = fit.guess_and_popularity(inputs, targets, ~held)
        ranked = [
            1.0 / case_ranks(Factors(inputs[held] @ _blend(guess, only_popular, trust), fit.catalogue), cases)
            for trust in _TRUSTS
        ]
        gains = [paired_gain(reciprocal, ranked[0], cases.users, seed=fit.seed) for reciprocal in ranked]
        # Away from popularity only where those held out are surely ranked better: the best of nine is so by chance.
        sure = [gain.mean if gain.low > 0 else 0.0 for gain in gains]
        found.append(_TRUSTS[int(np.argmax(sure))])
    return found


def _blend(guess: np.ndarray, only_popular: np.ndarray, trust: float) -> np.ndarray:
    return (trust * guess + (1 - trust) * only_popular).astype(np.float32)


def _cases(likes: Library, keys: np.ndarray, pids: np.ndarray, seed: int) -> EvaluationCases | None:
    """Each like among negatives of the whole catalogue; None where nobody has any, or too few playlists are left."""
    lists = Ragged(likes.indptr, likes.indices)
    catalogue = Catalogue.of(pids)
    drawn = evaluation_batches(np.arange(likes.n_rows), lists, lists, keys=keys, catalogue=catalogue, seed=seed)
    return EvaluationCases(drawn.user, drawn.positive, drawn.negatives).head(_JUDGED_CASES) if len(drawn.user) else None


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


def drawn_rows(keys: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most `most` rows, those of the smallest hashes of (seed, key): int64, ascending."""
    if len(keys) <= most:
        return np.arange(len(keys))
    return np.sort(np.argsort(hash_pairs(seed, _CHOSEN, keys), kind="stable")[:most])


def first_known(libraries: Library, known: int, *, keys: RowKeys, seed: int) -> Library:
    """Each user's library cut to at most `known` songs, those of smallest hash: a uniform sample of it."""
    rows = np.repeat(np.arange(libraries.n_rows), libraries.lengths)
    hashes = hash_pairs(seed, _KNOWN, keys.users[rows], keys.songs[libraries.indices])
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

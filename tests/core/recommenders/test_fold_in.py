"""Factors for users and playlists that training never saw."""

import numpy as np
import pytest

from buddies_assets.systems.playlists.cold_users import cold_user_table
from buddies_core.evaluation.ranks import case_ranks, popularity, popularity_scorer, scorer_ranks
from buddies_core.evaluation.sampled_negatives import evaluation_batches
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.row_sums import row_sums
from buddies_core.kernels.drawing import Catalogue
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import Factors, RowKeys
from buddies_core.recommenders.fold_in import (
    content,
    first_known,
    fit_fold_in,
    likes_in_factors,
    only,
    select,
    song_vectors,
)


@pytest.fixture(scope="module")
def trained(world):
    config = TrainingConfig(dimension=32, learning_rate=0.02, start="joint", item_bias=True, als_alpha=10.0)
    factors = train(config, world.data).factors
    fold_in = fit_fold_in(factors.playlists, world.user_songs, world.playlist_songs, world.train, rank=48)
    return factors, fold_in


def cold_cases(world) -> EvaluationCases:
    likes = Ragged(world.cold_likes.indptr, world.cold_likes.indices)
    everyone, catalogue = np.arange(world.data.n_users), Catalogue.of(np.arange(world.data.n_playlists))
    drawn = evaluation_batches(everyone, likes, likes, keys=everyone, catalogue=catalogue, seed=1)
    return EvaluationCases(drawn.user, drawn.positive, drawn.negatives)


def cold_rows(world, trained) -> list[dict]:
    factors, fold_in = trained
    libraries, keys = (
        (world.user_songs, world.playlist_songs, world.playlist_songs.lengths),
        RowKeys.of_rows(world.data.n_users, world.data.n_playlists, world.user_songs.n_columns),
    )
    return cold_user_table(fold_in, factors, *libraries, cold_cases(world), popularity(world.train), keys=keys, seed=1)


def test_the_more_songs_are_known_the_better_a_cold_user_is_served(world, trained):
    rows = cold_rows(world, trained)
    assert [(row["system"], row["known_songs"]) for row in rows] == [
        ("most liked", None),
        *((system, known) for known in (1, 3, 10, None) for system in ("fold-in", "song overlap")),
    ]
    folded = [row["mrr"] for row in rows if row["system"] == "fold-in"]
    assert folded[0] < folded[1] < folded[2]
    assert folded[3] > rows[0]["mrr"]


def test_likes_are_told_by_the_nearest_scores_over_the_whole_catalogue(world, trained):
    playlists = trained[0].playlists.astype(np.float64)
    likes = select(world.train, np.flatnonzero(world.train.lengths)[:20])
    found = likes_in_factors(likes, trained[0].playlists)
    for row, vector in enumerate(found):
        liked = np.zeros(len(playlists))
        liked[likes.row(row)] = 1.0
        plain = np.linalg.lstsq(playlists, liked, rcond=None)[0]
        np.testing.assert_allclose(vector, plain / np.linalg.norm(plain), atol=0.02)


def test_who_is_known_by_little_is_ranked_no_worse_than_by_the_most_liked_list(world, trained):
    rows = cold_rows(world, trained)
    assert (rows[0]["mrr_gain"], rows[0]["mrr_gain_low"], rows[0]["hit_5_gain_high"]) == (0.0, 0.0, 0.0)
    for row in rows:
        if row["system"] == "fold-in":
            assert row["mrr_gain"] == pytest.approx(row["mrr"] - rows[0]["mrr"])
            assert row["mrr_gain_high"] >= 0
            assert row["hit_5_gain_high"] >= 0


def test_the_libraries_of_those_set_aside_decide_nothing_of_the_fold_in(world, trained):
    factors, fold_in = trained
    likers = np.flatnonzero(world.train.lengths)
    without = fit_fold_in(factors.playlists, only(world.user_songs, likers), world.playlist_songs, world.train, rank=48)
    assert len(likers) < world.data.n_users
    np.testing.assert_array_equal(fold_in.songs, without.songs)
    np.testing.assert_array_equal(fold_in.user_maps, without.user_maps)


def test_who_is_not_known_at_all_is_ranked_nearly_as_the_most_liked_list_does(world, trained):
    factors, fold_in = trained
    nobody = Library(np.zeros(world.data.n_users + 1, np.int64), np.empty(0, np.uint32), world.user_songs.n_columns)
    ranks = case_ranks(Factors(fold_in.users(nobody), fold_in.catalogue(factors.playlists)), cold_cases(world))
    most_liked = scorer_ranks(popularity_scorer(popularity(world.train)), cold_cases(world))
    assert (1 / ranks).mean() > 0.9 * (1 / most_liked).mean()


def test_popularity_is_a_column_of_the_catalogue_as_large_as_the_others(world, trained):
    factors, fold_in = trained
    catalogue = fold_in.catalogue(factors.playlists)
    np.testing.assert_array_equal(catalogue[:, :-1], factors.playlists)
    np.testing.assert_array_equal(np.argsort(catalogue[:, -1]), np.argsort(popularity(world.train).astype(np.float32)))
    sizes = [np.sqrt(np.square(part).mean()) for part in (catalogue[:, -1], factors.playlists)]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-4)


def test_song_vectors_span_nearly_as_much_of_all_libraries_as_any_could(world):
    rank = 12
    found = song_vectors(world.user_songs, world.playlist_songs, rank=rank, seed=0)
    rows = []
    for library in (world.user_songs, world.playlist_songs):
        for row in range(library.n_rows):
            dense = np.zeros(library.n_columns)
            dense[library.row(row)] = max(1, len(library.row(row))) ** -0.5
            rows.append(dense)
    matrix = np.array(rows)
    by_song = np.maximum((matrix > 0).sum(axis=0), 1) ** -0.5
    matrix *= by_song
    ours, _ = np.linalg.qr(found / by_song[:, None])
    best = np.square(np.linalg.svd(matrix, compute_uv=False)[:rank]).sum()
    assert np.square(matrix @ ours).sum() > 0.97 * best
    assert found.shape == (world.playlist_songs.n_columns, rank)


def test_sums_of_rows_are_those_of_a_sparse_product(world):
    table = np.random.default_rng(2).standard_normal((world.user_songs.n_columns, 21)).astype(np.float32)
    plain = np.array([table[world.user_songs.row(user)].sum(axis=0) for user in range(world.user_songs.n_rows)])
    np.testing.assert_allclose(row_sums(world.user_songs, table), plain, rtol=1e-4, atol=1e-4)


def test_somebody_without_songs_gets_finite_factors(trained, world):
    nobody = Library.from_pairs(np.empty(0, int), np.empty(0, int), 2, world.user_songs.n_columns)
    assert np.isfinite(trained[1].users(nobody)).all()
    assert np.isfinite(trained[1].playlists(nobody)).all()


def test_factors_that_are_a_linear_function_of_content_are_recovered(world):
    songs = np.random.default_rng(0).standard_normal((world.playlist_songs.n_columns, 5)).astype(np.float32)
    inputs = content(world.playlist_songs, songs)
    assert inputs.shape == (world.playlist_songs.n_rows, 8)
    row = 3
    own = world.playlist_songs.row(row)
    np.testing.assert_allclose(inputs[row, :5], songs[own].mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(inputs[row, 5:], [np.log1p(len(own)), len(own) ** -0.5, 1.0], rtol=1e-5)


def test_known_songs_are_a_sample_of_the_library_that_grows_with_its_size(world):
    keys = RowKeys.of_rows(world.user_songs.n_rows, 0, world.user_songs.n_columns)
    one, three = (first_known(world.user_songs, known, keys=keys, seed=4) for known in (1, 3))
    for user in range(50):
        library = set(world.user_songs.row(user).tolist())
        assert set(one.row(user).tolist()) <= set(three.row(user).tolist()) <= library
        assert len(three.row(user)) == min(3, len(library))


def test_rows_are_selected_in_the_order_given(world):
    chosen = select(world.user_songs, np.array([5, 2]))
    np.testing.assert_array_equal(chosen.row(0), world.user_songs.row(5))
    np.testing.assert_array_equal(chosen.row(1), world.user_songs.row(2))


def test_users_playlists_and_songs_in_other_rows_are_folded_in_alike(world):
    # The sums run in another order, so the last digits differ; who is held out and which songs stand for few do not.
    generator = np.random.default_rng(8)
    n_users, n_playlists, n_songs = *(world.train.n_rows, world.train.n_columns), world.user_songs.n_columns
    keys = RowKeys.of_rows(n_users, n_playlists, n_songs)
    rows = [generator.permutation(n) for n in (n_users, n_playlists, n_songs)]
    moved = RowKeys(*(key[order] for key, order in zip((keys.users, keys.playlists, keys.songs), rows, strict=True)))

    def elsewhere(library: Library, of_rows: np.ndarray, of_columns: np.ndarray) -> Library:
        chosen = select(library, of_rows)
        row = np.repeat(np.arange(chosen.n_rows), chosen.lengths)
        return Library.from_pairs(row, np.argsort(of_columns)[chosen.indices], chosen.n_rows, chosen.n_columns)

    playlists = generator.standard_normal((n_playlists, 8)).astype(np.float32)
    libraries = world.user_songs, world.playlist_songs, world.train
    orders = (rows[0], rows[2]), (rows[1], rows[2]), (rows[0], rows[1])
    here = fit_fold_in(playlists, *libraries, rank=16, keys=keys)
    there = fit_fold_in(
        playlists[rows[1]], *(elsewhere(x, *o) for x, o in zip(libraries, orders, strict=True)), rank=16, keys=moved
    )
    found = there.users(elsewhere(world.user_songs, *orders[0])) @ there.catalogue(playlists[rows[1]]).T
    wanted = (here.users(world.user_songs) @ here.catalogue(playlists).T)[rows[0]][:, rows[1]]
    np.testing.assert_allclose(found, wanted, atol=2e-3 * np.abs(wanted).max())

"""ALS: what it solves, and how its factors are made fit for BPR."""

import numpy as np
import pytest

from buddies_core.evaluation.ranks import evaluate
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.als import als_factors, warm_start
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.factors import Factors

CONFIG = TrainingConfig(dimension=6, als_iterations=40, als_alpha=3.0, als_l2=0.2)


def some_likes(n_users=30, n_playlists=40, seed=0) -> Library:
    generator = np.random.default_rng(seed)
    rows, columns = np.nonzero(generator.random((n_users, n_playlists)) < 0.15)
    return Library.from_pairs(rows, columns, n_users, n_playlists)


def dense(likes: Library) -> np.ndarray:
    matrix = np.zeros((likes.n_rows, likes.n_columns))
    matrix[np.repeat(np.arange(likes.n_rows), likes.lengths), likes.indices] = 1.0
    return matrix


def exact_rows(wanted: np.ndarray, other: np.ndarray, config: TrainingConfig) -> np.ndarray:
    """Each row's weighted ridge regression, by the textbook."""
    rows = []
    for row in wanted:
        weight = np.diag(1.0 + config.als_alpha * row)
        left = other.T @ weight @ other + config.als_l2 * np.eye(other.shape[1])
        rows.append(np.linalg.solve(left, other.T @ weight @ row))
    return np.array(rows)


def test_after_many_sweeps_each_side_solves_its_weighted_ridge_given_the_other():
    likes = some_likes()
    factors = als_factors(likes, CONFIG)
    expected = exact_rows(dense(likes).T, factors.users.astype(float), CONFIG)
    np.testing.assert_allclose(factors.playlists, expected, atol=2e-3)


def test_the_number_of_threads_changes_nothing():
    one, two = (als_factors(some_likes(), CONFIG.model_copy(update={"threads": threads})) for threads in (1, 2))
    np.testing.assert_array_equal(one.users, two.users)
    np.testing.assert_array_equal(one.playlists, two.playlists)


def test_rows_without_likes_are_zero():
    likes = Library.from_pairs(np.array([0, 0, 2]), np.array([1, 3, 1]), 4, 5)
    factors = als_factors(likes, CONFIG)
    assert not factors.users[[1, 3]].any()
    assert not factors.playlists[[0, 2, 4]].any()
    assert factors.users[[0, 2]].any(axis=1).all()


@pytest.mark.parametrize("item_bias", [False, True])
def test_a_warm_start_keeps_the_scores_but_for_their_scale_and_makes_the_sides_equal(item_bias):
    config = CONFIG.model_copy(update={"item_bias": item_bias, "als_scale": 3.0})
    generator = np.random.default_rng(1)
    width = 6 - item_bias
    raw = Factors(
        generator.standard_normal((20, width)).astype(np.float32) * 10,
        generator.standard_normal((30, width)).astype(np.float32) / 10,
    )
    warm = warm_start(raw, config)
    assert warm.dimension == 6
    np.testing.assert_allclose(warm.scores(np.arange(20)), 3.0 * raw.scores(np.arange(20)), rtol=1e-4, atol=1e-4)
    sizes = [np.sqrt(np.square(side[:, :width]).mean()) for side in (warm.users, warm.playlists)]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-4)


def test_libraries_help_and_those_of_users_without_likes_are_not_looked_at(world):
    config = TrainingConfig(dimension=32, als_alpha=10.0)
    alone = als_factors(world.train, config)
    together = als_factors(world.train, config, user_songs=world.user_songs)
    assert together.playlists.shape == alone.playlists.shape
    assert not together.users[world.cold].any()
    cases = world.data.validation
    assert evaluate(together, cases)["mrr"] > evaluate(alone, cases)["mrr"] + 0.02

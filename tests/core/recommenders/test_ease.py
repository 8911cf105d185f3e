"""EASE: the weights it solves for, exactly and on neighbourhoods."""

import numpy as np
import pytest
from oracles.ease import ease_weights
from scipy.sparse import csr_array

from buddies_core.recommenders.cooccurrence import nearest_items
from buddies_core.recommenders.ease import Ease, EaseConfig, _solved, exact_weights, sparse_weights


def some_plays(n_users: int, n_items: int, *, share: float = 0.3, seed: int = 0) -> csr_array:
    generator = np.random.default_rng(seed)
    plays = generator.random((n_users, n_items)).astype(np.float32)
    return csr_array(np.where(plays < share, plays + 0.5, 0.0).astype(np.float32))


@pytest.mark.parametrize(("n_users", "n_items"), [(40, 12), (9, 25)], ids=["primal", "dual"])
def test_each_item_is_the_ridge_regression_on_all_others(n_users, n_items):
    plays = some_plays(n_users, n_items)
    expected = ease_weights(plays.toarray().astype(float), 3.0)
    assert np.abs(exact_weights(plays, 3.0) - expected).max() < 1e-5


def test_with_all_items_as_neighbours_the_sparse_solution_is_the_exact_one():
    plays = some_plays(60, 15, share=0.6)  # every two items are had together
    sparse = sparse_weights(plays, 2.0, neighbours=14).toarray()
    assert np.abs(sparse - exact_weights(plays, 2.0)).max() < 1e-5


def test_an_item_is_regressed_on_no_more_than_its_neighbours():
    plays = some_plays(60, 15)
    assert (np.diff(sparse_weights(plays, 2.0, neighbours=4).tocsc().indptr) <= 4).all()


def test_two_items_that_go_together_by_hand():
    # Gram [[2, 2], [2, 2]]; each regressed on the other: 2 / (2 + 2) = 0.5.
    plays = csr_array(np.array([[1, 1], [1, 1]], np.float32))
    assert exact_weights(plays, 2.0).tolist() == [[0.0, 0.5], [0.5, 0.0]]


def test_items_of_one_artist_support_each_other_although_nobody_has_both():
    plays = csr_array(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32))
    artists = csr_array(np.array([[1, 1, 0]], np.float32))
    with_artists = Ease(EaseConfig(ridge=1.0, feature_weight=2.0)).fit(plays, artists)
    assert with_artists.weights[0, 1] > 0.3
    assert abs(with_artists.weights[0, 2]) < 1e-6
    without = Ease(EaseConfig(ridge=1.0, feature_weight=0.0)).fit(plays, artists)
    assert np.abs(without.weights).max() < 1e-6


@pytest.mark.parametrize("exact_items", [0, 100], ids=["sparse", "exact"])
def test_popularity_power_divides_scores_by_the_listeners_of_an_item(exact_items):
    plays = some_plays(50, 10)
    plain = Ease(EaseConfig(ridge=5.0, exact_items=exact_items, neighbours=9)).fit(plays)
    tempered = Ease(EaseConfig(ridge=5.0, exact_items=exact_items, neighbours=9, popularity_power=0.5)).fit(plays)
    listeners = (plays.toarray() > 0).sum(0)
    assert np.allclose(tempered.scores(plays), plain.scores(plays) / np.sqrt(listeners), atol=1e-5)


def test_on_neighbours_it_is_the_ridge_of_the_products_that_their_lists_hold():
    rows, ridge, neighbours = some_plays(120, 60), 0.5, 7
    near = nearest_items(rows, neighbours)
    found = sparse_weights(rows, ridge, neighbours).toarray()
    products, listed = (rows.T @ rows).toarray(), near.toarray() != 0
    for item in range(60):
        mine = np.flatnonzero(listed[item])
        gram = products[np.ix_(mine, mine)] * (listed[np.ix_(mine, mine)] | listed[np.ix_(mine, mine)].T)
        gram[np.diag_indices(len(mine))] = products.diagonal()[mine] + ridge
        expected = np.zeros(60)
        expected[mine] = np.linalg.solve(gram, products[item, mine])
        assert found[:, item] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "gram",
    [
        pytest.param([[2.0, 0.5, 0.0], [0.5, 3.0, 1.0], [0.0, 1.0, 2.0]], id="definite"),
        pytest.param([[1.0, 2.0, 0.0], [2.0, 1.0, 2.0], [0.0, 2.0, 1.0]], id="indefinite: products are left out"),
    ],
)
def test_regressions_are_solved_whether_the_matrix_is_definite_or_not(gram):
    target = np.array([1.0, -2.0, 0.5])
    assert _solved(np.array(gram), target) == pytest.approx(np.linalg.solve(gram, target), rel=1e-8)

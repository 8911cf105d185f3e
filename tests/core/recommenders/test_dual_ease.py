"""EASE by its dual beside the textbook's inverse of an items x items matrix."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.dual_ease import DualEase, DualEaseConfig, inverse_of, most_held


def test_its_scores_are_those_of_the_inverse_with_side_rows_dropout_and_scaled_columns():
    generator = np.random.default_rng(0)
    plays, tags = (csr_array((generator.random(shape) < 0.2).astype(np.float32)) for shape in ((20, 50), (4, 50)))
    config = DualEaseConfig(ridge=3.0, popularity_power=0.2, dropout=0.3, feature_weight=0.5)
    scaled = plays.toarray() * np.maximum((plays.toarray() > 0).sum(0), 1) ** -0.2
    rows = np.vstack([scaled, tags.toarray() * 0.5])
    gram = rows.T @ rows
    inverse = np.linalg.inv(gram + np.diag(3.0 + 0.3 * np.diag(gram)))
    weights = np.eye(50) - inverse / np.diag(inverse)
    assert np.abs(np.diag(weights)).max() < 1e-12
    np.testing.assert_allclose(DualEase(config).fit(plays, tags).scores(plays), scaled @ weights, atol=1e-6)


def _world() -> tuple[csr_array, csr_array]:
    generator = np.random.default_rng(1)
    plays, tags = (csr_array((generator.random(shape) < 0.3).astype(np.float32)) for shape in ((40, 12), (6, 12)))
    return plays, tags


def test_beyond_so_many_listeners_each_item_is_regressed_on_its_nearest_which_are_all_items_here():
    plays, tags = _world()
    exact = DualEase(DualEaseConfig(ridge=3.0)).fit(plays, tags)
    sparse = DualEase(DualEaseConfig(ridge=3.0, exact_rows=39)).fit(plays, tags)
    assert sparse.sparse is not None
    np.testing.assert_allclose(sparse.scores(plays), exact.scores(plays), atol=1e-5)
    again = DualEase.from_arrays(sparse.config, sparse.arrays())
    assert np.array_equal(again.scores(plays), sparse.scores(plays))
    assert np.array_equal(again.similar(np.array([3])), sparse.similar(np.array([3])))


def test_of_too_many_side_rows_those_of_the_most_listeners_stay_in_their_order():
    rows = csr_array(np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0]], np.float32))
    holders = np.array([1, 2, 7])
    assert most_held(rows, holders, 2).toarray().tolist() == [[0, 1, 1], [0, 0, 1]]
    assert most_held(rows, holders, 4) is rows


def test_the_inverse_is_whole_and_refuses_what_is_not_positive_definite():
    generator = np.random.default_rng(2)
    wide = generator.random((150, 150))
    gram = wide @ wide.T + np.eye(150)
    np.testing.assert_allclose(inverse_of(gram.copy()) @ gram, np.eye(150), atol=1e-9)
    with pytest.raises(TrainingError, match="positive definite"):
        inverse_of(-np.eye(3))


def test_half_the_digits_change_no_score_by_more_than_the_fifth():
    rng = np.random.default_rng(5)
    plays = csr_array((rng.random((300, 200)) < 0.2).astype(np.float32))
    found = {
        digits: DualEase(DualEaseConfig(ridge=100.0, precision=digits)).fit(plays) for digits in ("double", "single")
    }
    assert not np.array_equal(found["single"].inverse, found["double"].inverse)
    one, other = (model.scores(plays) for model in found.values())
    np.testing.assert_allclose(other, one, atol=2e-5 * float(np.abs(one).max()))
    again = DualEase.from_arrays(found["single"].config, found["single"].arrays())
    assert np.array_equal(again.scores(plays), other)

"""Item neighbours: similarities by hand, by brute force, and independent of threads."""

import numba
import numpy as np
import pytest
from scipy.sparse import csr_array

from buddies_core.recommenders.cooccurrence import nearest_items
from buddies_core.recommenders.item_knn import ItemKnn, ItemKnnConfig


def some_plays(n_users=40, n_items=30, seed=0) -> csr_array:
    generator = np.random.default_rng(seed)
    return csr_array((generator.random((n_users, n_items)) < 0.2).astype(np.float32))


def test_the_cosine_of_two_items_by_hand():
    # Item 0 is had by users 0, 1; item 1 by users 1, 2, 3, 4: one in common, 1 / sqrt(2 * 4).
    plays = csr_array(np.array([[1, 0], [1, 1], [0, 1], [0, 1], [0, 1]], np.float32))
    assert nearest_items(plays, 1).toarray() == pytest.approx(np.array([[0, 8**-0.5], [8**-0.5, 0]]))


@pytest.mark.parametrize(("alpha", "shrink"), [(0.5, 0.0), (0.88, 0.0), (0.3, 5.0)])
def test_neighbours_are_those_of_the_whole_matrix_of_similarities(alpha, shrink):
    plays = some_plays()
    dense = plays.toarray().astype(float)
    gram, squares = dense.T @ dense, (dense**2).sum(0)
    similar = gram / (squares[:, None] ** alpha * squares[None, :] ** (1 - alpha) + shrink)
    np.fill_diagonal(similar, 0.0)
    found = nearest_items(plays, 5, alpha=alpha, shrink=shrink).toarray()
    for item in range(plays.shape[1]):
        order = np.lexsort((np.arange(30), -similar[item].astype(np.float32)))[:5]
        expected = np.zeros(30)
        expected[order] = similar[item, order]
        assert np.sort(found[item])[-5:] == pytest.approx(np.sort(expected)[-5:], abs=1e-6)


def test_the_number_of_threads_changes_nothing():
    plays, before = some_plays(200, 90), numba.get_num_threads()
    found = []
    for threads in (1, before):
        numba.set_num_threads(threads)
        found.append(nearest_items(plays, 7).toarray())
    assert np.array_equal(*found)


def test_equally_similar_items_go_to_the_lower_index():
    plays = csr_array(np.ones((3, 6), np.float32))
    assert nearest_items(plays, 2).indices.tolist() == [1, 2, 0, 2, 0, 1, 0, 1, 0, 1, 0, 1]


def test_tf_idf_leaves_out_what_everybody_has():
    plays = np.array([[1, 1, 1], [1, 1, 1], [1, 0, 0]], np.float32)
    model = ItemKnn(ItemKnnConfig(neighbours=2, tf_idf=True)).fit(csr_array(plays))
    assert model.scores(csr_array(np.array([[1, 0, 0]], np.float32))).tolist() == [[0.0, 0.0, 0.0]]
    assert model.similar(np.array([1]))[0, 2] > 0.9


def test_locality_sharpens_similarities():
    plays = some_plays()
    plain = ItemKnn(ItemKnnConfig(neighbours=5)).fit(plays)
    sharp = ItemKnn(ItemKnnConfig(neighbours=5, locality=2.0)).fit(plays)
    assert sharp.similarities.data == pytest.approx(plain.similarities.data**2)

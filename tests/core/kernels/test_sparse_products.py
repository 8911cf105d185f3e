"""Sparse products beside scipy's."""

import numpy as np
from scipy.sparse import csr_array, random_array

from buddies_core.kernels.sparse_products import sparse_products


def test_a_product_is_scipys_to_the_bit():
    rng = np.random.default_rng(3)
    rows = random_array((30, 50), density=0.2, rng=rng, dtype=np.float32, format="csr")
    weights = random_array((50, 40), density=0.3, rng=rng, dtype=np.float32, format="csr")
    found = sparse_products(csr_array(rows), csr_array(weights))
    assert np.array_equal(found.toarray(), (rows @ weights).toarray())
    for row in range(30):
        columns = found.indices[found.indptr[row] : found.indptr[row + 1]].tolist()
        assert len(columns) == len(set(columns))


def test_sums_that_cancel_leave_nothing_behind_for_the_next_row():
    rows = csr_array(np.array([[1.0, 1.0], [0.0, 0.0], [2.0, 0.0]], np.float32))
    weights = csr_array(np.array([[1.0, 5.0], [-1.0, 0.0]], np.float32))
    found = sparse_products(rows, weights)
    assert found.toarray().tolist() == [[0.0, 5.0], [0.0, 0.0], [2.0, 10.0]]

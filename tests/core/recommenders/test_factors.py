"""Starting rows against their definition."""

import numpy as np

from buddies_core.kernels.randomness import TRAINING, uniform
from buddies_core.recommenders.factors import random_rows


def test_starting_rows_are_uniform_draws_of_seed_side_row_and_column():
    rows = random_rows(np.arange(50), 7, scale=0.3, seed=9, side=1)
    plain = (uniform(9, TRAINING << 8 | 1, np.arange(50)[:, None], np.arange(7)[None, :]) - 0.5) * 0.3 * np.sqrt(12)
    np.testing.assert_allclose(rows, plain, atol=1e-6)


def test_a_model_that_grows_by_a_row_starts_the_old_rows_as_before():
    np.testing.assert_array_equal(
        random_rows(np.arange(8), 5, scale=1, seed=2, side=0)[:7], random_rows(np.arange(7), 5, scale=1, seed=2, side=0)
    )


def test_a_row_that_stands_elsewhere_starts_as_before():
    keys = np.array([2**63 + 5, 17, 4], np.uint64)
    there, here = (random_rows(some, 5, scale=1, seed=2, side=0) for some in (keys, keys[[2, 0, 1]]))
    np.testing.assert_array_equal(there[[2, 0, 1]], here)

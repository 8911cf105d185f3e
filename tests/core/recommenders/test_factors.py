"""Starting rows against their definition."""

import numpy as np

from buddies_core.kernels.randomness import TRAINING, uniform
from buddies_core.recommenders.factors import random_rows


def test_starting_rows_are_uniform_draws_of_seed_side_row_and_column():
    rows = random_rows(50, 7, scale=0.3, seed=9, side=1)
    plain = (uniform(9, TRAINING << 8 | 1, np.arange(50)[:, None], np.arange(7)[None, :]) - 0.5) * 0.3 * np.sqrt(12)
    np.testing.assert_allclose(rows, plain, atol=1e-6)


def test_a_model_that_grows_by_a_row_starts_the_old_rows_as_before():
    np.testing.assert_array_equal(
        random_rows(8, 5, scale=1, seed=2, side=0)[:7], random_rows(7, 5, scale=1, seed=2, side=0)
    )

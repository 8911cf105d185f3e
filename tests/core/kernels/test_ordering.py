"""Orders by falling value beside numpy's stable sort."""

import numpy as np

from buddies_core.kernels.ordering import falling_order, falling_ranks


def test_values_fall_and_equal_ones_stay_in_order():
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal(700).astype(np.float32)
    few = rng.integers(-3, 4, 500).astype(np.float32)
    odd = np.array([0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45, 3e38, -np.inf, np.inf, -3e38, 0.0], np.float32)
    for values in (drawn, few, odd, np.empty(0, np.float32), np.ones(1, np.float32)):
        order = np.empty(len(values), np.int32)
        falling_order(values, order)
        assert order.tolist() == np.argsort(-values, kind="stable").tolist()


def test_ranks_are_places_in_the_own_row():
    values = np.array([[1.0, 3.0, 2.0, 3.0], [5.0, 4.0, 6.0, 0.0]], np.float32)
    assert falling_ranks(values).tolist() == [[3, 0, 2, 1], [1, 2, 0, 3]]

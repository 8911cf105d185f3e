"""Distinct values are those of numpy."""

import numpy as np
import pytest

from buddies_core.kernels.distinct import distinct


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.uint32, np.float32])
@pytest.mark.parametrize(("size", "values"), [(0, 1), (1, 1), (50, 1), (1000, 40), (1000, 10**9)])
def test_the_values_are_those_of_numpy(dtype, size, values):
    drawn = np.random.default_rng(size).integers(0, values, size).astype(dtype)
    before = drawn.copy()
    found = distinct(drawn)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.unique(drawn))
    np.testing.assert_array_equal(drawn, before)

"""The vector code of a group against numpy: any number of rows, any length, and a row that is there twice."""

import numpy as np
import pytest
from numba import njit

from buddies_core.kernels.simd_rows import WIDTH, add_rows, dot_products, padded, step_rows, step_user
from buddies_core.recommenders.factors import aligned


@njit
def _group(user, places, products, change, weights, steps, decays, rate, decay, row_count, vectors):
    dot_products(user.ctypes.data, places.ctypes.data, products.ctypes.data, row_count, vectors)
    step_rows(
        user.ctypes.data, places.ctypes.data, change.ctypes.data,
        weights.ctypes.data, steps.ctypes.data, decays.ctypes.data, row_count, vectors,
    )  # fmt: skip
    step_user(user.ctypes.data, change.ctypes.data, rate, decay, vectors)


@njit
def _sum(total, places, weights, row_count, vectors):
    add_rows(total.ctypes.data, places.ctypes.data, weights.ctypes.data, row_count, vectors)


def _plain(user, table, chosen, weights, steps, decays, rate, decay):
    products = table[chosen] @ user
    change = np.zeros_like(user)
    for row, weight, step, kept in zip(chosen, weights, steps, decays, strict=True):
        change += weight * table[row]
        table[row] = kept * table[row] + step * user
    user[:] = decay * user + rate * change
    return products, change


@pytest.mark.parametrize(("length", "chosen"), [(16, [2, 0]), (48, [3, 1, 4]), (128, [5, 0, 3, 6, 1]), (128, [2] * 9)])
def test_a_group_is_stepped_as_numpy_steps_it(length, chosen):
    generator = np.random.default_rng(length + len(chosen))
    table, user, change = aligned((7, length)), aligned((length,)), aligned((length,))
    table[...], user[...] = generator.normal(size=table.shape), generator.normal(size=length)
    rows = np.array(chosen)
    weights, steps, decays = generator.normal(size=(3, len(rows))).astype(np.float32)
    rate, decay = np.float32(0.1), np.float32(0.97)
    expected_user, expected_table = user.astype(np.float64), table.astype(np.float64)
    expected, expected_change = _plain(expected_user, expected_table, rows, weights, steps, decays, rate, decay)
    counts = (0,) * len(rows), (0,) * (length // WIDTH)
    places, products = table.ctypes.data + rows * length * 4, np.empty(len(rows), np.float32)
    _group(user, places, products, change, weights, steps, decays, rate, decay, *counts)
    np.testing.assert_allclose(products, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(change, expected_change, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(table, expected_table, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(user, expected_user, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("length", "chosen"), [(16, [2]), (48, [3, 1, 3]), (128, [5, 0, 3, 6])])
def test_rows_are_summed_as_numpy_sums_them(length, chosen):
    generator = np.random.default_rng(length + len(chosen))
    table, total = aligned((7, length)), aligned((length,))
    table[...], total[...] = generator.normal(size=table.shape), generator.normal(size=length)
    weights = generator.normal(size=len(chosen)).astype(np.float32)
    expected = total + weights.astype(np.float64) @ table[chosen]
    places = table.ctypes.data + np.array(chosen) * length * 4
    _sum(total, places, weights, (0,) * len(chosen), (0,) * (length // WIDTH))
    np.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("dimension", "length"), [(2, 16), (16, 16), (17, 32), (128, 128)])
def test_rows_are_padded_to_whole_vectors(dimension, length):
    assert padded(dimension) == length

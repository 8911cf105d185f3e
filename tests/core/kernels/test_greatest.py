"""The k-th greatest of many numbers, beside a sort; the columns of the first k."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from buddies_core.kernels.greatest import greatest, greatest_columns

NOT_NEGATIVE = st.floats(0, width=32, allow_nan=False)


@pytest.mark.parametrize(("k", "expected"), [(1, 9.0), (2, 3.0), (3, 3.0), (4, 0.5), (6, 0.0)])
def test_the_kth_of_six_by_hand(k, expected):
    assert greatest(np.array([3, 0, 9, 0.5, 3, 0], np.float32), k) == expected


@settings(deadline=None, max_examples=80)
@given(values=arrays(np.float32, st.integers(1, 60), elements=NOT_NEGATIVE), data=st.data())
def test_it_is_that_of_a_sort(values, data):
    k = data.draw(st.integers(1, len(values)))
    assert greatest(values, k) == np.sort(values)[::-1][k - 1]


@settings(deadline=None, max_examples=80)
@given(
    scores=arrays(
        np.float32, st.tuples(st.integers(0, 4), st.integers(1, 30)), elements=st.sampled_from([-np.inf, 0, 1, 2, 2.5])
    ),
    data=st.data(),
)
def test_columns_are_those_of_a_stable_sort(scores, data):
    k = data.draw(st.integers(1, scores.shape[1]))
    assert greatest_columns(scores, k).tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()

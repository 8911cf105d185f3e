"""Places in an ascending array, beside a look into a set."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from buddies_core.kernels.sorted_lookup import places_in


@given(held=st.lists(st.integers(-9, 9), unique=True).map(sorted), wanted=st.lists(st.integers(-12, 12)))
def test_what_is_held_is_found_at_its_place_and_nothing_else(held, wanted):
    found, place = places_in(np.array(held, np.int64), np.array(wanted, np.int64))
    assert found.tolist() == [value in held for value in wanted]
    assert [held[at] for at in place[found]] == [value for value in wanted if value in held]

"""Walker's alias table: every item is drawn by its weight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.kernels.alias_table import alias_table


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=60).filter(lambda weights: sum(weights) > 1e-3))
def test_each_item_has_its_share_of_the_cells(weights):
    weights = np.array(weights)
    chance, alias = alias_table(weights)
    share = chance.copy()
    np.add.at(share, alias, 1.0 - chance)
    assert share / len(weights) == pytest.approx(weights / weights.sum(), abs=1e-6)


def test_without_any_weight_every_item_is_as_likely():
    chance, alias = alias_table(np.zeros(3))
    assert chance.tolist() == [1.0, 1.0, 1.0]
    assert alias.tolist() == [0, 1, 2]

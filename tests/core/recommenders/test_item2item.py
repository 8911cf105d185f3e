"""Item2Item: descriptions decide, and the index finds what all products find."""

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.item2item import Item2Item, Item2ItemConfig


def described():
    """Six songs of two artists and a year each; the seventh has no description."""
    said = csr_array(np.array([[1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0], [1, 0, 0, 1, 0, 0, 0]], np.float32))
    return csr_array(np.ones((1, 7), np.float32)), said


def test_songs_of_one_artist_are_nearest_and_a_song_without_description_is_like_none():
    model = Item2Item(Item2ItemConfig(factors=2)).fit(*described())
    near = model.nearest(np.array([1, 4]), 2)
    assert near.tolist() == [[2, 0], [5, 3]]
    assert model.vectors[6].tolist() == [0, 0]


def test_the_index_and_all_products_agree_on_the_nearest():
    rng = np.random.default_rng(0)
    said = csr_array((rng.random((40, 300)) < 0.1).astype(np.float32))
    plays = csr_array(np.ones((1, 300), np.float32))
    exact = Item2Item(Item2ItemConfig(factors=16)).fit(plays, said)
    indexed = Item2Item(Item2ItemConfig(factors=16, exact_items=0)).fit(plays, said)
    items = np.arange(0, 300, 7)
    same = [len({*a} & {*b}) / 10 for a, b in zip(exact.nearest(items, 10), indexed.nearest(items, 10), strict=True)]
    assert np.mean(same) > 0.95
    assert not (indexed.nearest(items, 10) == items[:, None]).any()

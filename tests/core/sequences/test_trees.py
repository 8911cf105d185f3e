"""A forest asked by masks says what walking down its trees says."""

import lightgbm
import numpy as np
import pytest

from buddies_core.kernels.tree_masks import MOST_LEAVES
from buddies_core.sequences.models import Stack
from buddies_core.sequences.ranker_training import Example, RankerConfig, train_ranker
from buddies_core.sequences.trees import Trees
from buddies_core.sequences.trees_training import TreesConfig, train_trees


def walked(node: dict, row: np.ndarray) -> float:
    """The leaf of one tree, by going left and right."""
    while "leaf_value" not in node:
        node = node["left_child"] if float(row[node["split_feature"]]) <= node["threshold"] else node["right_child"]
    return node["leaf_value"]


@pytest.mark.parametrize("leaves", [2, 7, 8, 9, 16, 17, MOST_LEAVES])
def test_masks_find_the_leaf_that_a_walk_finds(leaves: int):
    generator = np.random.default_rng(leaves)
    # Few distinct values, so that many stand exactly on a threshold.
    features = generator.integers(0, 6, size=(700, 4)).astype(np.float32) / np.float32(3)
    right = (features[:, 0] > features[:, 1]).astype(int)
    data = lightgbm.Dataset(features, right)
    booster = lightgbm.train({"num_leaves": leaves, "min_data_in_leaf": 1, "verbose": -1, "num_threads": 1}, data, 9)
    dumped = booster.dump_model()
    scores = Trees.from_lightgbm(dumped).scores(features[:300])
    by_hand = [sum(walked(tree["tree_structure"], row) for tree in dumped["tree_info"]) for row in features[:300]]
    assert np.allclose(scores, by_hand, atol=1e-5)


def test_a_forest_learns_what_one_feature_alone_does_not_tell_and_comes_back_from_its_arrays():
    generator = np.random.default_rng(1)
    examples = []
    for _ in range(150):
        features = generator.normal(size=(40, 3)).astype(np.float32)
        examples.append(Example(features, features[:, 0] * features[:, 1] > 0.5))
    trees = train_trees(examples, TreesConfig(trees=60, leaves=8, fewest=5))
    assert trees is not None
    features = generator.normal(size=(500, 3)).astype(np.float32)
    right = features[:, 0] * features[:, 1] > 0.5
    scores = trees.scores(features)
    assert np.mean(scores[right][:, None] > scores[~right]) > 0.95
    assert np.array_equal(Trees.from_arrays(trees.arrays("x"), "x").scores(features), scores)


def test_what_trees_are_not_asked_about_stands_below_the_rest_in_the_network_s_order():
    generator = np.random.default_rng(2)
    examples = [Example(generator.normal(size=(20, 3)).astype(np.float32), np.arange(20) < 2) for _ in range(40)]
    network = train_ranker(examples, RankerConfig(epochs=1))
    features = generator.normal(size=(50, 3)).astype(np.float32)
    scores = Stack((network,), train_trees(examples, TreesConfig(trees=5, fewest=5))).scores(features, 10)
    plain = network.scores(features)
    below = np.argsort(-plain)[10:]
    assert (scores[below] <= np.delete(scores, below).min()).all()
    assert np.array_equal(below, below[np.argsort(-scores[below], kind="stable")])


def test_a_forest_is_left_out_where_there_is_too_little_to_split():
    assert train_trees([Example(np.zeros((4, 2), np.float32), np.arange(4) < 1)], TreesConfig()) is None

"""Boosted trees that numpy alone can ask, all of them at once: QuickScorer (Lucchese et al. 2015).

A test of a tree that fails (feature > threshold) rules out the leaves to its left. Each test has a mask without those
leaves' bits; the lowest bit that all failed tests leave is the leaf. So a tree is asked by comparisons and one
bitwise "and", without walking, and a block of candidates by a few operations on whole arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from buddies_core.kernels.tree_masks import DE_BRUIJN, PLACE_OF_BIT, float32_below, masked_tests

_BLOCK = 128


@dataclass(frozen=True)
class Trees:
    """A forest.

    Attributes:
        features: int32 [tests, trees]; thresholds: float32, infinite where a tree has fewer tests.
        masks: uint32 [tests, trees], the leaves that stay when the test fails.
        values: float32 [trees, leaves].
    """

    features: np.ndarray
    thresholds: np.ndarray
    masks: np.ndarray
    values: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Sum over the trees of each candidate's leaf, float32 [n]."""
        total = np.zeros(len(features), np.float32)
        tests, trees = self.features.shape
        rows, offset = self.features.ravel(), (np.arange(trees) * self.values.shape[1])[:, None]
        limits, masks = self.thresholds.ravel()[:, None], self.masks.ravel()[:, None]
        for first in range(0, len(features), _BLOCK):
            block = np.ascontiguousarray(features[first : first + _BLOCK].T)
            failed = block[rows] > limits
            left = np.where(failed, masks, np.uint32(0xFFFFFFFF)).reshape(tests, trees, -1)
            alive = np.bitwise_and.reduce(left, axis=0)
            lowest = alive & (~alive + np.uint32(1))
            leaf = PLACE_OF_BIT[(lowest * DE_BRUIJN) >> np.uint32(27)]
            total[first : first + _BLOCK] = self.values.ravel()[leaf + offset].sum(0)
        return total

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """All arrays by name, each behind a prefix."""
        return {f"{prefix}_{name}": getattr(self, name) for name in ("features", "thresholds", "masks", "values")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> Self:
        """The forest from its arrays; scores are equal to the bit."""
        return cls(*(arrays[f"{prefix}_{name}"] for name in ("features", "thresholds", "masks", "values")))

    @classmethod
    def from_lightgbm(cls, dumped: Mapping[str, Any]) -> Self:
        """The forest of `Booster.dump_model()`; its features must hold no missing values."""
        grown = [masked_tests(tree["tree_structure"]) for tree in dumped["tree_info"]]
        tests, trees = max(1, *(len(one[0]) for one in grown)), len(grown)
        leaves = max(1, *(len(one[1]) for one in grown))
        features, masks = np.zeros((tests, trees), np.int32), np.full((tests, trees), 0xFFFFFFFF, np.uint32)
        thresholds, values = np.full((tests, trees), np.inf, np.float32), np.zeros((trees, leaves), np.float32)
        for tree, (found, own) in enumerate(grown):
            values[tree, : len(own)] = own
            for test, one in enumerate(found):
                features[test, tree], masks[test, tree] = one.feature, one.mask
                thresholds[test, tree] = float32_below(one.limit)
        return cls(features, thresholds, masks, values)

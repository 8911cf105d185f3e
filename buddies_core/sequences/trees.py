"""Boosted trees that numpy alone can ask, all of them at once: QuickScorer (Lucchese et al. 2015).

A test of a tree that fails (feature > threshold) rules out the leaves to its left. Each test has a mask without those
leaves' bits; the lowest bit that all failed tests leave is the leaf. So a tree is asked by comparisons and one
bitwise "and", without walking, and a block of candidates by a few operations on whole arrays, which are as narrow as
the trees have few leaves: what is asked then stays in the processor's cache.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from buddies_core.kernels.tree_masks import float32_below, lowest_bit, masked_tests, narrow

_BLOCK = 128


@dataclass(frozen=True)
class Trees:
    """A forest.

    Attributes:
        features: int32 [tests, trees]; thresholds: float32, infinite where a tree has fewer tests.
        masks: [tests, trees], of as few bits as there are leaves: those that stay when the test fails.
        values: float32 [trees, leaves].
    """

    features: np.ndarray
    thresholds: np.ndarray
    masks: np.ndarray
    values: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Sum over the trees of each candidate's leaf, float32 [n]."""
        total = np.zeros(len(features), np.float32)
        offset = (np.arange(self.features.shape[1], dtype=np.int32) * self.values.shape[1])[:, None]
        values, nothing = self.values.ravel(), np.iinfo(self.masks.dtype).max
        for first in range(0, len(features), _BLOCK):
            block = np.ascontiguousarray(features[first : first + _BLOCK].T)
            alive = np.full((len(offset), block.shape[1]), nothing, self.masks.dtype)
            for columns, limits, masks in zip(self.features, self.thresholds, self.masks, strict=True):
                # All ones where the test holds: that, or its mask, is what stays of the leaves.
                left = (block.take(columns, axis=0) <= limits[:, None]).view(np.uint8).astype(alive.dtype)
                np.negative(left, out=left)
                left |= masks[:, None]
                alive &= left
            total[first : first + _BLOCK] = values[lowest_bit(alive) + offset].sum(0)
        return total

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """All arrays by name, each behind a prefix."""
        return {f"{prefix}_{name}": getattr(self, name) for name in ("features", "thresholds", "masks", "values")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> Self:
        """The forest from its arrays; scores are equal to the bit."""
        features, thresholds, masks, values = (
            arrays[f"{prefix}_{name}"] for name in ("features", "thresholds", "masks", "values")
        )
        return cls(features, thresholds, narrow(masks, values.shape[1]), values)

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
        return cls(features, thresholds, narrow(masks, leaves), values)

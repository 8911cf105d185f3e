"""Boosted trees that numpy alone can ask, all of them at once: QuickScorer (Lucchese et al. 2015).

A test of a tree that fails (feature > threshold) rules out the leaves to its left. Each test has a mask without those
leaves' bits; the lowest bit that all failed tests leave is the leaf. So a tree is asked by comparisons and one
bitwise "and", without walking, and a block of candidates by a few operations on whole arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

LEAVES = 32
"""Leaves of a tree at most: a bit of a mask each."""
_BLOCK = 128
_LOWEST = np.zeros(32, np.int64)
_LOWEST[((np.uint64(1) << np.arange(32, dtype=np.uint64)) * np.uint64(0x077CB531) & np.uint64(0xFFFFFFFF)) >> 27] = (
    np.arange(32)
)
"""Place of a lone bit, by the top five bits of its product with a de Bruijn number."""


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
            leaf = _LOWEST[(lowest * np.uint32(0x077CB531)) >> np.uint32(27)]
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
        structures = [tree["tree_structure"] for tree in dumped["tree_info"]]
        grown = [_tests(structure) for structure in structures]
        tests, trees = max(1, *(len(one[0]) for one in grown)), len(grown)
        leaves = max(1, *(len(one[1]) for one in grown))
        features, masks = np.zeros((tests, trees), np.int32), np.full((tests, trees), 0xFFFFFFFF, np.uint32)
        thresholds, values = np.full((tests, trees), np.inf, np.float32), np.zeros((trees, leaves), np.float32)
        for tree, (found, own) in enumerate(grown):
            values[tree, : len(own)] = own
            for test, (feature, threshold, mask) in enumerate(found):
                features[test, tree], thresholds[test, tree], masks[test, tree] = feature, _below(threshold), mask
        return cls(features, thresholds, masks, values)


def _tests(structure: Mapping[str, Any]) -> tuple[list[tuple[int, float, int]], list[float]]:
    """Tests of a tree as (feature, threshold, mask), and its leaves from left to right."""
    tests: list[tuple[int, float, int]] = []
    leaves: list[float] = []

    def visit(node: Mapping[str, Any]) -> None:
        if "leaf_value" in node:
            leaves.append(float(node["leaf_value"]))
            return
        first = len(leaves)
        visit(node["left_child"])
        ruled_out = (1 << len(leaves)) - (1 << first)
        tests.append((int(node["split_feature"]), float(node["threshold"]), 0xFFFFFFFF & ~ruled_out))
        visit(node["right_child"])

    visit(structure)
    return tests, leaves


def _below(threshold: float) -> np.float32:
    """The greatest float32 not above a threshold: float32 features then fall on the same side of it."""
    near = np.float32(threshold)
    return np.nextafter(near, np.float32(-np.inf)) if float(near) > threshold else near

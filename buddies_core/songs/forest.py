"""Boosted trees asked by one compiled pass: QuickScorer (Lucchese et al., 2015) over blocks of candidates.

Each test of a tree that fails rules out leaves: it has a mask without their bits, and the lowest bit that all failed
tests leave is the leaf. No tree is walked, so a block of candidates goes through a test by a few vector instructions.
CatBoost's trees ask one question at each level; there the leaf is the number whose bits are the answers.
Sums are in the order and precision of the libraries: margins are theirs, to the bit or to rounding.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numba import get_num_threads, njit, prange

from buddies_core.kernels.tree_masks import DE_BRUIJN, PLACE_OF_BIT, MaskedTest, float32_below, masked_tests

_BLOCK = 256


@dataclass(frozen=True)
class Forest:
    """Trees as arrays.

    Attributes:
        starts: int64 [trees + 1], the first test of each tree.
        features: int32 [tests], columns; limits: float32 [tests], a test fails above.
        missing_fails: bool [tests], whether a missing value fails.
        masks: uint32 [tests], the leaves that stay when the test fails; with `levels` the bit of the level.
        values: float64 [trees, leaves].
        levels: whether trees ask one question a level.
        scale, bias: of the sum.
    """

    starts: np.ndarray
    features: np.ndarray
    limits: np.ndarray
    missing_fails: np.ndarray
    masks: np.ndarray
    values: np.ndarray
    levels: bool = False
    scale: float = 1.0
    bias: float = 0.0

    def margins(self, features: np.ndarray, threads: int = 1) -> np.ndarray:
        """Sums over the trees, float64 [rows].

        Args:
            features: float32 [rows, f].
        """
        from buddies_core.kernels.threads import use_threads

        found = np.zeros(len(features))
        before = get_num_threads()
        use_threads(threads)
        try:
            _sum(
                np.ascontiguousarray(features, np.float32), self.starts, self.features, self.limits,
                self.missing_fails, self.masks, self.values, self.levels, PLACE_OF_BIT, found,
            )  # fmt: skip
        finally:
            use_threads(before)  # what the caller's other kernels run on stays as it was
        return self.scale * found + self.bias

    @classmethod
    def of_lightgbm(cls, dumped: Mapping[str, Any]) -> Self:
        """The forest of `Booster.dump_model()`, whose tests are all of numbers."""
        grown = [masked_tests(tree["tree_structure"]) for tree in dumped["tree_info"]]
        return cls._of([tests for tests, _ in grown], [leaves for _, leaves in grown])

    @classmethod
    def of_catboost(cls, model: Any) -> Self:
        """The forest of a CatBoost model of symmetric trees and features of numbers."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            model.save_model(str(path), format="json")
            told = json.loads(path.read_text())
        missing = {
            one["flat_feature_index"]: one["nan_value_treatment"] == "AsTrue"
            for one in told["features_info"]["float_features"]
        }
        tests, leaves = [], []
        for tree in told["oblivious_trees"]:
            splits = tree["splits"] or []
            tests.append(
                [
                    MaskedTest(
                        one["float_feature_index"], one["border"], missing[one["float_feature_index"]], 1 << level
                    )
                    for level, one in enumerate(splits)
                ]
            )
            leaves.append(tree["leaf_values"])
        scale, bias = told["scale_and_bias"]
        return cls._of(tests, leaves, levels=True, scale=scale, bias=bias[0])

    @classmethod
    def _of(cls, tests: list[list[MaskedTest]], leaves: list[list[float]], **more: Any) -> Self:
        flat = [test for tree in tests for test in tree]
        values = np.zeros((len(leaves), max(map(len, leaves), default=1)))
        for tree, own in enumerate(leaves):
            values[tree, : len(own)] = own
        return cls(
            np.concatenate([[0], np.cumsum([len(tree) for tree in tests])]).astype(np.int64),
            np.array([test.feature for test in flat], np.int32),
            np.array([float32_below(test.limit) for test in flat], np.float32),
            np.array([test.missing_fails for test in flat], bool),
            np.array([test.mask for test in flat], np.uint32),
            values,
            **more,
        )


@njit(nogil=True, parallel=True, cache=True)
def _sum(rows, starts, features, limits, missing_fails, masks, values, levels, lowest, found):
    blocks = (len(rows) + _BLOCK - 1) // _BLOCK
    for at in prange(blocks):
        first = at * _BLOCK
        count = min(_BLOCK, len(rows) - first)
        columns = np.empty((rows.shape[1], _BLOCK), np.float32)
        for row in range(count):
            for column in range(rows.shape[1]):
                columns[column, row] = rows[first + row, column]
        alive, places = np.empty(_BLOCK, np.uint32), np.empty(_BLOCK, np.uint32)
        total, by_place = np.zeros(_BLOCK), np.zeros(len(lowest))
        for tree in range(len(starts) - 1):
            if levels:
                alive[:] = np.uint32(0)
            else:
                alive[:] = np.uint32(0xFFFFFFFF)
            for test in range(starts[tree], starts[tree + 1]):
                column, limit, mask = columns[features[test]], limits[test], masks[test]
                if levels:
                    _answer(alive, column, limit, missing_fails[test], mask)
                else:
                    _rule_out(alive, column, limit, missing_fails[test], mask)
            own = values[tree]
            if levels:
                for row in range(_BLOCK):
                    total[row] += own[alive[row]]
            else:
                # Places first and sums then: each loop alone is vector code, both together are not.
                for place in range(len(lowest)):
                    by_place[place] = own[min(lowest[place], len(own) - 1)]
                for row in range(_BLOCK):
                    bit = alive[row] & (~alive[row] + np.uint32(1))
                    places[row] = np.uint32(bit * DE_BRUIJN) >> np.uint32(27)
                for row in range(_BLOCK):
                    total[row] += by_place[places[row]]
        found[first : first + count] = total[:count]


@njit(nogil=True, cache=True)
def _rule_out(alive, column, limit, missing_fails, mask):
    every = np.uint32(0xFFFFFFFF)
    if missing_fails:
        for row in range(_BLOCK):
            alive[row] &= every if column[row] <= limit else mask
    else:
        for row in range(_BLOCK):
            alive[row] &= mask if column[row] > limit else every


@njit(nogil=True, cache=True)
def _answer(alive, column, limit, missing_fails, bit):
    none = np.uint32(0)
    if missing_fails:
        for row in range(_BLOCK):
            alive[row] |= none if column[row] <= limit else bit
    else:
        for row in range(_BLOCK):
            alive[row] |= bit if column[row] > limit else none

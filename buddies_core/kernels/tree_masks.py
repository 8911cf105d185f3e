"""LightGBM's trees as tests with masks of leaves, for QuickScorer (Lucchese et al., 2015).

Each test of a tree that fails (feature > limit) rules out the leaves to its left: it has a mask without their bits.
The lowest bit that all failed tests leave is the leaf.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

MOST_LEAVES = 32
"""Leaves of a tree at most: a bit of a mask each."""
DE_BRUIJN = np.uint32(0x077CB531)
PLACE_OF_BIT = np.zeros(32, np.int32)
for _bit in range(32):
    PLACE_OF_BIT[((1 << _bit) * 0x077CB531 & 0xFFFFFFFF) >> 27] = _bit
"""Place of a lone bit, by the top five bits of its product with the de Bruijn number."""


class MaskedTest(NamedTuple):
    """A test of a tree: it fails above `limit`, and the leaves of `mask` stay when it fails."""

    feature: int
    limit: float
    missing_fails: bool
    mask: int


def masked_tests(structure: Mapping[str, Any]) -> tuple[list[MaskedTest], list[float]]:
    """Tests of a tree of `Booster.dump_model()`, and its leaves from left to right.

    Raises:
        ValueError: it has more than `MOST_LEAVES`.
    """
    tests: list[MaskedTest] = []
    leaves: list[float] = []

    def visit(node: Mapping[str, Any]) -> None:
        if "leaf_value" in node:
            leaves.append(float(node["leaf_value"]))
            return
        first = len(leaves)
        visit(node["left_child"])
        ruled_out = (1 << len(leaves)) - (1 << first)
        limit = float(node["threshold"])
        # Where training met none, the library takes a missing value for 0.
        fails = not node["default_left"] if node["missing_type"] == "NaN" else limit < 0.0
        tests.append(MaskedTest(int(node["split_feature"]), limit, fails, 0xFFFFFFFF & ~ruled_out))
        visit(node["right_child"])

    visit(structure)
    if len(leaves) > MOST_LEAVES:
        raise ValueError(f"a tree has {len(leaves)} leaves, and a mask {MOST_LEAVES} bits")
    return tests, leaves


def float32_below(limit: float) -> np.float32:
    """The greatest float32 not above a limit: float32 features then fall on the same side of it."""
    with np.errstate(over="ignore"):  # beyond float32 lies infinity, and the step back is its greatest number
        near = np.float32(limit)
    return np.nextafter(near, np.float32(-np.inf)) if float(near) > limit else near


def narrow(masks: np.ndarray, leaves: int) -> np.ndarray:
    """Masks of the leaves alone: of 8, 16 or 32 bits."""
    return masks.astype(np.uint8 if leaves <= 8 else np.uint16 if leaves <= 16 else np.uint32)


def lowest_bit(masks: np.ndarray) -> np.ndarray:
    """Place of the lowest bit of each mask."""
    lowest = masks & (~masks + masks.dtype.type(1))
    if masks.dtype.itemsize < 4:
        return _PLACE_OF_LONE[lowest]
    return PLACE_OF_BIT[(lowest * DE_BRUIJN) >> np.uint32(27)]


_PLACE_OF_LONE = np.zeros(1 << 16, np.int32)
_PLACE_OF_LONE[1 << np.arange(16)] = np.arange(16)

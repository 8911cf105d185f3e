"""An experiment of three listeners and six artists, small enough to check by hand."""

import numpy as np

from buddies_core.artifact.texts import pack_texts

NAMES = ["Ana", "Björk", "Cé", "Dú", "Eve", "Fé"]
ITEMS = ["3", "5", "10", "21", "100", "700"]


def artist_lists(lists: list[list[int]] | None = None) -> dict[str, np.ndarray]:
    """Arrays of the experiment; `lists` has three rows of three artists."""
    return {
        "lists": np.array(lists or [[2, 1, 5], [4, 0, -1], [-1, -1, -1]], np.int32),
        "scores": np.array([[3.0, 2.0, 1.0], [2.0, 1.0, -np.inf], [-np.inf] * 3], np.float32),
        "because": np.array([[0, -1, 3], [-1, -1, -1], [-1, -1, -1]], np.int32),
        "similar": np.array([[1, 2], [0, -1], [-1, -1], [-1, -1], [-1, -1], [-1, -1]], np.int32),
        "popular": np.array([1, 0, 4], np.int32),
        "listeners": np.array([2, 3, 1, 1, 2, 0], np.int32),
        "taste": np.array([[0, 3], [1, -1], [1, -1]], np.int32),
        "plays": np.array([[40.0, 7.0], [9.0, 0.0], [1.0, 0.0]], np.float32),
        "item_order": np.argsort(np.array([item.encode() for item in ITEMS], dtype=object)).astype(np.int32),
        **pack_texts("user", ["10", "2", "x-ray"]),
        **pack_texts("item", ITEMS),
        **pack_texts("name", NAMES),
        **pack_texts("url", ["http://music/ana", *[""] * 5]),
        **pack_texts("picture", [""] * 6),
    }

"""A table of one number an item, of which a request pays for the places that it touches."""

import numpy as np


class Table:
    """Values by item, 0 at first, of which only what was touched is read and cleared."""

    def __init__(self, n: int) -> None:
        self.values = np.zeros(n, np.float32)
        self._touched: list[np.ndarray] = []

    def add(self, items: np.ndarray, weights: np.ndarray) -> None:
        """Add weights, in order, where one item may stand several times."""
        np.add.at(self.values, items, weights.astype(np.float32, copy=False))
        self._touched.append(items)

    def count(self, items: np.ndarray) -> None:
        """Add 1 for each time that an item stands there."""
        self.add(items, np.ones(len(items), np.float32))

    def raise_to(self, items: np.ndarray, weights: np.ndarray) -> None:
        """Keep the greatest weight of each item."""
        np.maximum.at(self.values, items, weights)
        self._touched.append(items)

    def touched(self) -> np.ndarray:
        """Distinct items with a value, ascending."""
        if not self._touched:
            return np.empty(0, np.int32)
        items = np.sort(np.concatenate(self._touched))
        return items[np.append(True, items[1:] != items[:-1])] if len(items) else items

    def best(self, most: int) -> np.ndarray:
        """The `most` items of greatest values, in no order."""
        items = self.touched()
        if len(items) <= most:
            return items
        return items[np.argpartition(-self.values[items], most)[:most]]

    def clear(self) -> None:
        """Make it as it was at first."""
        for items in self._touched:
            self.values[items] = 0
        self._touched = []

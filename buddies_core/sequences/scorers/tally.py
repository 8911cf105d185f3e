"""Sums by item of what a request looks at: it pays for the entries that it adds up, never for the vocabulary."""

import numpy as np

_NONE = np.empty(0, np.int64)


class Tally:
    """Columns of values for the distinct ones of some items, which may stand several times; one request at a time.

    What is kept between requests is a place for each item of the vocabulary, which is believed only where the item
    found there is the one asked for: nothing has to be cleared.

    Args:
        n: size of the vocabulary.

    Attributes:
        items: the distinct ones; `entries` int64, the place among them of each entry.
    """

    def __init__(self, n: int) -> None:
        self._place = np.zeros(n, np.int32)
        self._columns: dict[str, np.ndarray] = {}
        self.items: np.ndarray = _NONE
        self.entries: np.ndarray = _NONE

    def of(self, items: np.ndarray) -> "Tally":
        """Begin anew with the items of some entries; each column then takes one weight an entry."""
        turn = np.arange(len(items), dtype=np.int32)
        self._place[items] = turn
        self.items = items[self._place[items] == turn]
        self._place[self.items] = turn[: len(self.items)]
        self.entries = self._place[items].astype(np.int64)
        self._columns = {}
        return self

    def add(self, name: str, weights: np.ndarray | None = None) -> np.ndarray:
        """The sum of the weights of each item as a column, or how often it stands there."""
        total = np.bincount(self.entries, weights, len(self.items)).astype(np.float32)
        self._columns[name] = total
        return total

    def greatest(self, name: str, weights: np.ndarray) -> None:
        """The greatest weight of each item, none below 0, as a column."""
        found = np.zeros(len(self.items), np.float32)
        np.maximum.at(found, self.entries, weights)
        self._columns[name] = found

    def best(self, name: str, most: int) -> np.ndarray:
        """The `most` items of greatest values of a column, in no order."""
        if len(self.items) <= most:
            return self.items
        return self.items[np.argpartition(-self._columns[name], most)[:most]]

    def at(self, items: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Columns for other items, float32, 0 where nothing was added up."""
        nothing = np.zeros(len(items), np.float32)
        if not len(self.items):
            return dict.fromkeys(names, nothing)
        place = np.minimum(self._place[items], len(self.items) - 1)
        there = self.items[place] == items
        return {
            name: np.where(there, self._columns[name][place], np.float32(0)) if name in self._columns else nothing
            for name in names
        }

    def clear(self) -> None:
        """Forget the request."""
        self._columns, self.items, self.entries = {}, _NONE, _NONE

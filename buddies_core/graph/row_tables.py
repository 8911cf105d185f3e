"""Tables of vectors that a step of GraphSAGE reads a few rows of: what is read is a leaf of torch's graph.

Its gradient then has the size of what was read. Torch's own sparse gradients are sorted and added up table by table,
which took a fifth of an epoch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from buddies_core.kernels.table_rows import adagrad_rows, add_to_rows, numbered, sums_of_bags

_SQUARES = 1e-4
"""What the sums of squared gradients start from."""

Sources = tuple[tuple[str, np.ndarray], ...]
"""Tables by name, and the rows of each that are read."""


@dataclass(frozen=True)
class Touched:
    """Rows of a table, and the gradient of each: row `entry[k]` of `gradient`."""

    table: str
    rows: np.ndarray
    entry: np.ndarray
    gradient: np.ndarray


class Reader:
    """What one part of a step reads of some tables; for one thread.

    Attributes:
        leaves: tensors that were read; their gradients are what `touched` takes.
    """

    def __init__(self, values: dict[str, np.ndarray]) -> None:
        self._values = values
        self._read: list[tuple[str, np.ndarray, np.ndarray, int]] = []
        self.leaves: list[Any] = []

    def gather(self, *sources: tuple[str, np.ndarray]) -> Any:
        """Tensor [n, d]: row k is the sum, over the sources, of the row that the k-th index names in the table."""
        first, rows = sources[0]
        found = self._values[first].take(rows, axis=0)
        for name, rows in sources[1:]:
            found += self._values[name].take(rows, axis=0)
        return self._leaf(found, sources, np.arange(len(found)))

    def bags(self, starts: np.ndarray, owner: np.ndarray, *sources: tuple[str, np.ndarray]) -> Any:
        """Tensor [bags, d]: sums over the rows from starts[i] to starts[i + 1] of each source; `owner` is their i."""
        shape = len(starts) - 1, self._values[sources[0][0]].shape[1]
        total, part = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for name, rows in sources:
            sums_of_bags(starts, rows, self._values[name], part, 0, len(part))
            total += part
        return self._leaf(total, sources, owner)

    def _leaf(self, found: np.ndarray, sources: Sources, entry: np.ndarray) -> Any:
        import torch

        self._read += [(name, rows.astype(np.int64), entry, len(self.leaves)) for name, rows in sources]
        self.leaves.append(torch.from_numpy(found).requires_grad_())
        return self.leaves[-1]

    def touched(self, gradients: Sequence[Any]) -> list[Touched]:
        """What was read, by the gradients of `leaves`."""
        return [Touched(name, rows, entry, gradients[leaf].numpy()) for name, rows, entry, leaf in self._read]


class RowTables:
    """Tables by name, stepped by Adagrad.

    Attributes:
        values: float32 [n, d] each; squares: the sums of squared gradients, of the same shapes.
    """

    def __init__(self, tables: dict[str, np.ndarray]) -> None:
        self.values = {name: np.ascontiguousarray(table, np.float32) for name, table in tables.items()}
        self.squares = {name: np.full_like(table, _SQUARES) for name, table in self.values.items()}
        self._slots = {name: np.full(len(table), -1, np.int32) for name, table in self.values.items()}

    def step(self, touched: Sequence[Touched], rate: float, each: Callable[..., Iterable[Any]] = map) -> None:
        """Step the rows that were read; `each` may be a pool's `map`, for a table is stepped by itself."""
        by_table = [[one for one in touched if one.table == name] for name in self.values]
        list(each(lambda read: self._step(read, np.float32(rate)), [read for read in by_table if read]))

    def _step(self, read: Sequence[Touched], rate: np.float32) -> None:
        table = self.values[read[0].table]
        number = np.concatenate([one.rows for one in read])
        found = np.empty(len(number), np.int64)
        count = numbered(number, self._slots[read[0].table], found)
        totals, first = np.zeros((count, table.shape[1]), np.float32), 0
        for one in read:
            add_to_rows(totals, number[first : first + len(one.rows)], one.gradient, one.entry)
            first += len(one.rows)
        adagrad_rows(table, self.squares[read[0].table], found[:count], totals, rate)

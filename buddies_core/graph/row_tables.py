"""Tables of vectors that a step of GraphSAGE reads a few rows of: what is read is a leaf of torch's graph.

Its gradient then has the size of what was read. Torch's own sparse gradients are sorted and added up table by table,
which took a fifth of an epoch.
"""

from typing import Any

import numpy as np

from buddies_core.kernels.table_rows import adagrad_rows, add_to_rows, numbered, sums_of_bags

_SQUARES = 1e-4
"""What the sums of squared gradients start from."""


class RowTables:
    """Tables by name, stepped by Adagrad.

    Attributes:
        values: float32 [n, d] each; squares: the sums of squared gradients, of the same shapes.
    """

    def __init__(self, tables: dict[str, np.ndarray]) -> None:
        self.values = {name: np.ascontiguousarray(table, np.float32) for name, table in tables.items()}
        self.squares = {name: np.full_like(table, _SQUARES) for name, table in self.values.items()}
        self._slots = {name: np.full(len(table), -1, np.int32) for name, table in self.values.items()}
        self._read: list[tuple[str, np.ndarray, np.ndarray, Any]] = []

    def gather(self, sources: tuple[tuple[str, np.ndarray], ...]) -> Any:
        """Tensor [n, d]: row k is the sum, over the sources, of the row that the k-th index names in the table."""
        first, rows = sources[0]
        found = self.values[first].take(rows, axis=0)
        for name, rows in sources[1:]:
            found += self.values[name].take(rows, axis=0)
        return self._leaf(found, sources, np.arange(len(found)))

    def bags(self, sources: tuple[tuple[str, np.ndarray], ...], starts: np.ndarray, owner: np.ndarray) -> Any:
        """Tensor [bags, d]: sums over the rows from starts[i] to starts[i + 1] of each source; `owner` is their i."""
        total, part = (np.zeros((len(starts) - 1, next(iter(self.values.values())).shape[1]), np.float32) for _ in "ab")
        for name, rows in sources:
            sums_of_bags(starts, rows, self.values[name], part)
            total += part
        return self._leaf(total, sources, owner)

    def _leaf(self, found: np.ndarray, sources: tuple[tuple[str, np.ndarray], ...], entry: np.ndarray) -> Any:
        import torch

        leaf = torch.from_numpy(found).requires_grad_()
        self._read += [(name, rows.astype(np.int64), entry, leaf) for name, rows in sources]
        return leaf

    def step(self, rate: np.float32) -> None:
        """Step all rows that were read since the last step, by their gradients."""
        for name, table in self.values.items():
            read = [one for one in self._read if one[0] == name and one[3].grad is not None]
            if not read:
                continue
            number = np.concatenate([rows for _, rows, _, _ in read])
            found = np.empty(len(number), np.int64)
            count = numbered(number, self._slots[name], found)
            totals, first = np.zeros((count, table.shape[1]), np.float32), 0
            for _, rows, entry, leaf in read:
                add_to_rows(totals, number[first : first + len(rows)], leaf.grad.numpy(), entry)
                first += len(rows)
            adagrad_rows(table, self.squares[name], found[:count], totals, rate)
        self._read = []

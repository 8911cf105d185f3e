"""Packed text columns: many strings as one array of offsets and one of UTF-8 bytes.

`offsets` int64 [n+1], `bytes` uint8 [offsets[-1]]. Unlike an object array it can be memory-mapped, so a
million playlist names cost no start-up time and only the pages that are read.
"""

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np


def pack_texts(name: str, texts: Iterable[str]) -> dict[str, np.ndarray]:
    """The two arrays `<name>_offsets` and `<name>_bytes` of a text column, in the order given."""
    encoded = [text.encode("utf-8", errors="replace") for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum(np.fromiter((len(item) for item in encoded), dtype=np.int64, count=len(encoded)), out=offsets[1:])
    return {f"{name}_offsets": offsets, f"{name}_bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8)}


class TextColumn:
    """Read access to a packed text column by row, and by value where the column is sorted."""

    def __init__(self, offsets: np.ndarray, data: np.ndarray) -> None:
        self._offsets = offsets
        self._data = data.data if len(data) else memoryview(b"")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def raw(self, row: int) -> bytes:
        """The UTF-8 bytes of a row."""
        return bytes(self._data[int(self._offsets[row]) : int(self._offsets[row + 1])])

    def __getitem__(self, row: int) -> str:
        return self.raw(row).decode("utf-8", errors="replace")

    def find(self, text: str) -> int | None:
        """The row that holds exactly `text`, or None. The column must be sorted by its UTF-8 bytes."""
        wanted = text.encode("utf-8", errors="replace")
        row = bisect_left(range(len(self)), wanted, key=self.raw)
        return row if row < len(self) and self.raw(row) == wanted else None

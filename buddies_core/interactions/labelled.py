"""Libraries as stored datasets: a binary sparse matrix together with what its rows and columns stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter

if TYPE_CHECKING:
    from buddies_core.interactions.csr import Library


@dataclass(frozen=True)
class LabelledLibrary:
    """A `Library` that carries its row and column index.

    Attributes:
        library: which songs (columns) each row holds.
        rows: one row per matrix row, in order: `user, user_id, …` or `playlist, pid, …`.
        columns: key of each song, in order.
    """

    library: "Library"
    rows: pl.DataFrame
    columns: pl.Series

    def __post_init__(self) -> None:
        shape = (self.library.n_rows, self.library.n_columns)
        if shape != (self.rows.height, len(self.columns)):
            raise ValueError(f"The matrix is {shape}, its indexes {(self.rows.height, len(self.columns))}.")

    def save(
        self,
        writer: DatasetWriter,
        extra: dict[str, Any] | None = None,
        parts: Mapping[str, pl.DataFrame] | None = None,
    ) -> Dataset:
        """Commit it as a dataset: the row index is its table, the CSR arrays, keys and column index are parts.

        `parts` are more tables to keep beside it.
        """
        for name, part in (parts or {}).items():
            writer.write_part(name, part)
        writer.write_part("keys", row_keys(self.rows))
        writer.write_part("indptr", self.library.indptr.astype(np.int64))
        writer.write_part("indices", self.library.indices.astype(np.uint32))
        writer.write_part("columns", pl.DataFrame({"key": self.columns}))
        return writer.commit([writer.write_shard(0, self.rows)], extra=extra)

    @classmethod
    def load(cls, dataset: Dataset) -> "LabelledLibrary":
        """The stored matrix with both its indexes."""
        return cls(load_library(dataset), dataset.frame(), dataset.part("columns")["key"])


def row_keys(rows: pl.DataFrame) -> np.ndarray:
    """What draws know each row by: uint32 pids of playlists (column `pid`), uint64 keys of users (`user_id`)."""
    from buddies_core.kernels.entity_keys import id_keys

    if "pid" in rows.columns:
        return rows["pid"].to_numpy().astype(np.uint32)
    return id_keys(np.array(rows["user_id"].to_list(), "S"))


def load_library(dataset: Dataset) -> "Library":
    """The matrix alone, memory-mapped when it is a local file."""
    from buddies_core.interactions.csr import Library

    columns = dataset.manifest.parts["columns.parquet"].rows
    return Library(dataset.array("indptr"), dataset.array("indices"), columns)


def load_keys(dataset: Dataset) -> np.ndarray:
    """What draws know each row by: uint64 keys of users, uint32 pids of playlists; in memory, and writable as kernels
    are compiled for.

    Raises:
        DatasetNotFoundError: the library was stored by an older version; the message names what it has.
    """
    return np.array(dataset.array("keys"))

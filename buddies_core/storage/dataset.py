"""A stored dataset as its readers see it."""

import io
from collections.abc import Iterator

import numpy as np
import polars as pl
from upath import UPath

from buddies_core.storage.files import is_local, read_parquet, read_rows
from buddies_core.storage.manifest import DamagedDatasetError, DatasetNotFoundError, Manifest, is_whole


class Dataset:
    """A stored dataset, read lazily: nothing is loaded until a frame or an array is asked for."""

    def __init__(self, folder: UPath, manifest: Manifest) -> None:
        self.folder = folder / manifest.cache_key
        self.manifest = manifest

    def __repr__(self) -> str:
        return f"Dataset({self.manifest.name}, {self.manifest.rows:,} rows, {len(self.manifest.shards)} shards)"

    @property
    def name(self) -> str:
        """Name of the asset that made it."""
        return self.manifest.name

    @property
    def fingerprint(self) -> str:
        """Digest of the content."""
        return self.manifest.fingerprint

    def damaged(self) -> list[str]:
        """The files that are missing, or not of the size and digest that the manifest names; all are read."""
        files = [*self.manifest.shards, *self.manifest.parts.values()]
        return [stored.file for stored in files if not is_whole(self.folder, stored)]

    def shard(self, index: int, columns: list[str] | None = None) -> pl.DataFrame:
        """One shard as a frame.

        Raises:
            DamagedDatasetError: its file is not there, or cannot be read.
        """
        stored = self.manifest.shards[index]
        try:
            return read_parquet(self.folder / stored.file, columns)
        except (FileNotFoundError, pl.exceptions.ComputeError) as error:
            raise DamagedDatasetError(
                f"{self.name}: {stored.file} cannot be read ({str(error).splitlines()[0]}): materialise the asset "
                f"{self.name!r} again; shards that are whole are kept."
            ) from error

    def shard_rows(self, index: int, start: int, stop: int) -> pl.DataFrame:
        """Rows [start, stop) of one shard; only the row groups that hold them are read."""
        return read_rows(self.folder / self.manifest.shards[index].file, start, stop)

    def shards(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """The shards, in order, one in memory at a time."""
        for index in range(len(self.manifest.shards)):
            yield self.shard(index, columns)

    def frame(self, columns: list[str] | None = None) -> pl.DataFrame:
        """The whole table; for datasets that fit in memory."""
        return pl.concat(self.shards(columns), rechunk=False)

    def scan(self) -> pl.LazyFrame:
        """The whole table, lazily: local files are scanned in place, others read a shard at a time when collected."""
        if is_local(self.folder):
            return pl.scan_parquet([str(self.folder / shard.file) for shard in self.manifest.shards], glob=False)
        from polars.io.plugins import register_io_source

        def read(
            columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
        ) -> Iterator[pl.DataFrame]:
            for shard in self.shards():
                kept = shard if predicate is None else shard.filter(predicate)
                kept = kept if n_rows is None else kept.head(n_rows)
                n_rows = None if n_rows is None else n_rows - kept.height
                yield kept if columns is None else kept.select(columns)
                if n_rows == 0:
                    return

        return register_io_source(read, schema=lambda: self._schema, is_pure=True)

    @property
    def _schema(self) -> pl.Schema:
        return read_parquet(self.folder / self.manifest.shards[0].file, n_rows=0).schema

    def counts(self, column: str) -> np.ndarray:
        """How often each value of a column of small indices occurs, int64 [highest + 1], with one shard in memory."""
        total = np.zeros(0, np.int64)
        for shard in self.shards([column]):
            found = np.bincount(shard[column].to_numpy(), minlength=len(total))
            found[: len(total)] += total
            total = found
        return total

    def part(self, name: str) -> pl.DataFrame:
        """A table stored beside the shards, such as `quarantine`."""
        return read_parquet(self.folder / self._part(name, ".parquet"))

    def array(self, name: str) -> np.ndarray:
        """An array stored beside the shards; memory-mapped when the folder is local."""
        path = self.folder / self._part(name, ".npy")
        if is_local(path):
            return np.load(str(path), mmap_mode="r", allow_pickle=False)
        return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)

    def _part(self, name: str, suffix: str) -> str:
        file, parts = name + suffix, self.manifest.parts
        if file not in parts:
            raise DatasetNotFoundError(f"{self.name} has no part {file}; it has {sorted(parts) or 'none'}.")
        return file

"""What all readers of raw files share: where a dataset is stored, and whether the same files were read before."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from buddies_assets.sources.quarantine import ReadCounts
from buddies_core.errors import NothingReadError
from buddies_core.settings import Settings
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey


@dataclass(frozen=True)
class RawRun:
    """What reading a source needs: where to store, under which run, and how strictly."""

    store: DatasetStore
    settings: Settings
    run_id: str

    def cache_key(self, name: str, files: Mapping[str, str], reader: str) -> CacheKey:
        """The cache key of a raw dataset: its files by size and time of change, the reader's module, how strictly."""
        how = {"strict": self.settings.strict, "sample": self.settings.sample}
        return CacheKey(name, code_version(reader), files, how)

    def writer(self, name: str, files: Mapping[str, str], reader: str) -> DatasetWriter:
        """A writer for that cache key."""
        return self.store.writer(self.cache_key(name, files, reader), self.run_id)

    def stored(self, name: str, files: Mapping[str, str], reader: str) -> Dataset | None:
        """The dataset, when it is stored whole and the same files were read by the same code."""
        cache_key = self.cache_key(name, files, reader)
        return self.store.reusable(cache_key) if self.settings.reuse_shards else None


def state_of(path: Path, size: int) -> str:
    """What changes when a file does: its size and its time of change."""
    return f"{size}:{path.stat().st_mtime_ns}"


def something_kept(source: str, path: Path, counts: ReadCounts, quarantined: pl.DataFrame) -> None:
    """Nothing, where rows of a source were kept.

    Raises:
        NothingReadError: none was; the message says of each reason how often, where first, and what stood there.
    """
    if counts.kept:
        return
    if counts.left_out:
        raise NothingReadError(source, path, f"none of {counts.left_out:,} rows is in the sample", "Set BUDDIES_SAMPLE")
    reasons = quarantined.group_by("reason", maintain_order=True).agg(pl.len().alias("rows"), pl.all().first())
    told = [
        f"{row['rows']:,} × {row['reason']} (first: {_place(row)}: {row['excerpt']!r})"
        for row in reasons.sort("rows", descending=True).head(3).iter_rows(named=True)
    ]
    what = f"none of {counts.rows:,} rows could be used" if counts.rows else "no row was found"
    raise NothingReadError(source, path, what, "; ".join(told) or "the file is empty")


def _place(row: dict[str, Any]) -> str:
    at = "" if row["position"] is None else f", line or pid {row['position']}"
    column = f", {row['field']}" if row["field"] else ""
    return f"{row['file']}{at}{column}"

"""Stored datasets: a dataset is a folder of files and a manifest that names them; the manifest is written last.

    <home>/datasets/<name>/manifest.json           what the dataset is now
    <home>/datasets/<name>/<cache key>/shard-00000.parquet …

`<cache key>` is the fingerprint of everything that decides the content: code, inputs, settings. A run that died left
its shards in the folder of its cache key, so the same run again finds them; another key writes elsewhere, and the old
dataset stays whole until the new manifest replaces it. Any fsspec URL works; local files are written beside their
name and moved into place.
"""

from dataclasses import dataclass

from upath import UPath

from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.files import home_path
from buddies_core.storage.manifest import CacheKey, DamagedDatasetError, DatasetNotFoundError, Manifest


@dataclass(frozen=True)
class DatasetStore:
    """All datasets under one root."""

    root: UPath

    @classmethod
    def at(cls, home: str) -> "DatasetStore":
        """The store of a `BUDDIES_HOME`."""
        return cls(home_path(home) / "datasets")

    def folder(self, name: str) -> UPath:
        """Folder of a dataset, stored or not."""
        return self.root / name

    def has(self, name: str) -> bool:
        """Whether the dataset is stored."""
        return (self.folder(name) / "manifest.json").exists()

    def delete(self, name: str) -> None:
        """Delete a dataset with all its files, if it is there."""
        folder = self.folder(name)
        if folder.exists():
            folder.fs.rm(folder.path, recursive=True)

    def open(self, name: str) -> Dataset:
        """A stored dataset.

        Raises:
            DatasetNotFoundError: it is not stored; the message names the asset to materialise.
        """
        if not self.has(name):
            raise DatasetNotFoundError(
                f"Dataset {name!r} is not stored under {self.root}: materialise the asset {name!r} first "
                f"(`buddies run`, or the Dagster UI). Stored: {', '.join(self.names()) or 'nothing'}."
            )
        return Dataset(self.folder(name), Manifest.parse((self.folder(name) / "manifest.json").read_text()))

    def reusable(self, cache_key: CacheKey, folder: UPath | None = None) -> Dataset | None:
        """The dataset, when it is stored whole and by this cache key (in `folder` as of `writer`); else None."""
        folder = folder or self.folder(cache_key.name)
        manifest = folder / "manifest.json"
        if not manifest.exists():
            return None
        try:
            dataset = Dataset(folder, Manifest.parse(manifest.read_text()))
        except DamagedDatasetError:
            return None
        same = dataset.manifest.cache_key == cache_key.fingerprint
        return dataset if same and not dataset.damaged() else None

    def names(self) -> list[str]:
        """Names of the stored datasets, sorted."""
        if not self.root.exists():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and self.has(path.name))

    def writer(self, cache_key: CacheKey, run_id: str, folder: UPath | None = None) -> DatasetWriter:
        """A writer for the cache key's dataset (in `folder` when it is not the dataset's own, as for a partition)."""
        return DatasetWriter(folder or self.folder(cache_key.name), cache_key, run_id)

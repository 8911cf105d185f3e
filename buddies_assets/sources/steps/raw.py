"""What all readers of raw files share: where a dataset is stored, and whether the same files were read before."""

from collections.abc import Mapping
from dataclasses import dataclass

from buddies_core.settings import Settings
from buddies_core.storage.code_version import code_version
from buddies_core.storage.datasets import Dataset, DatasetStore, DatasetWriter, Recipe


@dataclass(frozen=True)
class RawRun:
    """What reading a source needs: where to store, under which run, and how strictly."""

    store: DatasetStore
    settings: Settings
    run_id: str

    def recipe(self, name: str, files: Mapping[str, str], reader: str) -> Recipe:
        """The recipe of a raw dataset: its files by size and time of change, the reader's module, how strictly."""
        return Recipe(name, code_version(reader), files, {"strict": self.settings.strict})

    def writer(self, name: str, files: Mapping[str, str], reader: str) -> DatasetWriter:
        """A writer for that recipe."""
        return self.store.writer(self.recipe(name, files, reader), self.run_id)

    def stored(self, name: str, files: Mapping[str, str], reader: str) -> Dataset | None:
        """The dataset, when it is stored whole and the same files were read by the same code."""
        recipe = self.recipe(name, files, reader)
        return self.store.reusable(recipe) if self.settings.reuse_shards else None

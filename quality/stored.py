"""What is stored: every dataset's manifest, and whether its files are those of the manifest, by name and size.

A file that was cut short or deleted is noticed at the next look, not at the next run that reads it.
"""

from dataclasses import dataclass, field

from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import DatasetNotFoundError, Manifest

SHOWN = 3


@dataclass(frozen=True)
class Stored:
    """The datasets of a store, and what is wrong with the files of some, both by name."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    damage: dict[str, str] = field(default_factory=dict)

    @property
    def manifests(self) -> dict[str, Manifest]:
        """What each dataset says of itself."""
        return {name: dataset.manifest for name, dataset in self.datasets.items()}


def read_stored(store: DatasetStore) -> Stored:
    """Every dataset of the store; one whose manifest cannot be read is damaged too."""
    found = Stored()
    for name in store.names():
        try:
            dataset = store.open(name)
        except (ValueError, TypeError, KeyError) as error:
            found.damage[name] = f"its manifest cannot be read ({type(error).__name__}); materialise it again"
            continue
        except DatasetNotFoundError:
            continue  # deleted since the names were read
        found.datasets[name] = dataset
        wrong = damage(dataset)
        if wrong is not None:
            found.damage[name] = wrong
    return found


def damage(dataset: Dataset) -> str | None:
    """What is wrong with the dataset's files, in a line; None when all are there with the bytes that were written."""
    sizes = {entry.name: entry.stat().st_size for entry in dataset.folder.iterdir()} if dataset.folder.exists() else {}
    wrong = []
    for stored in [*dataset.manifest.shards, *dataset.manifest.parts.values()]:
        if stored.file not in sizes:
            wrong.append(f"{stored.file} is missing")
        elif sizes[stored.file] != stored.bytes:
            wrong.append(f"{stored.file} has {sizes[stored.file]:,} bytes, not {stored.bytes:,}")
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return f"stored files are damaged: {', '.join(wrong[:SHOWN])}{more}; materialise it again" if wrong else None

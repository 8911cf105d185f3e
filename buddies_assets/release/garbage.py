"""What a home keeps that nothing names any more: files of unfinished cache keys, versions and checkpoints of the past.

Named are: the cache key in a dataset's manifest, the versions that are served or can be rolled back to, their
checkpoints and the newest one. What was changed within the last hour is left, since a run may be writing it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from upath import UPath

from buddies_assets.release.channels import channels, model_of, previous_version
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.files import home_path

BEING_WRITTEN = timedelta(hours=1)


@dataclass(frozen=True)
class Garbage:
    """A folder or file that nothing names, its size in bytes, and why it is not needed."""

    path: UPath
    bytes: int
    reason: str


def garbage(settings: Settings, assets: Collection[str], *, now: datetime | None = None) -> list[Garbage]:
    """Everything under the home that can be removed, the largest first.

    Args:
        assets: names of the assets of the graph; a stored dataset of another name was made by an older version.
    """
    before = (now or datetime.now(UTC)) - BEING_WRITTEN
    found = [
        *_of_datasets(DatasetStore.at(settings.home), assets),
        *_of_versions(settings),
        *_of_checkpoints(settings),
    ]
    old = [Garbage(path, _size(path), reason) for path, reason in found if _is_older(path, before)]
    return sorted(old, key=lambda item: -item.bytes)


def remove(items: Collection[Garbage]) -> int:
    """Delete them; returns the bytes that are free again."""
    for item in items:
        item.path.fs.rm(item.path.path, recursive=True)
    return sum(item.bytes for item in items)


def _of_datasets(store: DatasetStore, assets: Collection[str]) -> Iterator[tuple[UPath, str]]:
    if not store.root.exists():
        return
    for folder in store.root.iterdir():
        if folder.name not in assets:
            yield folder, f"no asset is called {folder.name}"
            continue
        if not store.has(folder.name):
            continue
        cache_key = store.open(folder.name).manifest.cache_key
        for inner in folder.iterdir():
            if inner.is_dir() and inner.name != cache_key and not (inner / "manifest.json").exists():
                yield inner, f"{folder.name} is made by cache key {cache_key} now"


def _of_versions(settings: Settings) -> Iterator[tuple[UPath, str]]:
    root = settings.local_home / "served_model"
    folder = UPath(root / "versions")
    if not folder.exists():
        return
    named = _served_versions(settings)
    for version in folder.iterdir():
        if version.name not in named:
            yield version, "neither served nor kept to roll back to"


def _of_checkpoints(settings: Settings) -> Iterator[tuple[UPath, str]]:
    root = home_path(settings.home) / "checkpoints"
    if not root.exists():
        return
    whole = CheckpointStore.at(settings.home).versions()
    named = {model_of(version) for version in _served_versions(settings)} | set(whole[-1:])
    for checkpoint in root.iterdir():
        if checkpoint.name.isdigit() and checkpoint.name not in named:
            reason = "neither the newest nor served" if checkpoint.name in whole else "a training that was cut off"
            yield checkpoint, reason


def _served_versions(settings: Settings) -> set[str]:
    root = settings.local_home / "served_model"
    served, previous = channels(root), previous_version(root)
    versions = {previous} if previous else set()
    if served is not None:
        versions.add(served.champion)
        if served.challenger is not None:
            versions.add(served.challenger.version)
    return versions


def _files(path: UPath) -> Iterator[UPath]:
    if path.is_dir():
        yield from (inner for inner in path.rglob("*") if inner.is_file())
    else:
        yield path


def _is_older(path: UPath, before: datetime) -> bool:
    newest = max((file.stat().st_mtime for file in _files(path)), default=0.0)
    return newest < before.timestamp()


def _size(path: UPath) -> int:
    return sum(file.stat().st_size for file in _files(path))

"""Stored datasets without a listener: those that hold them are deleted, and the next run makes them without.

Only `user_library` is written anew in place: it keeps the register of numbers, which no run could make again. The
listener's row of it stays, empty and without an id, so that rows mean what they meant.
"""

import re
from collections.abc import Iterator

import numpy as np
import polars as pl
from upath import UPath

from buddies_assets.forgetting.person import Person
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.interactions.numbers import PART, stored_register
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey, Manifest

LIBRARY = "user_library"
_BY_ROW = ("user", "owner", "neighbour")
"""Columns that hold rows of the user library."""
_ROW_ARRAYS = ("users.npy",)
"""Parts with an array row for each row of the user library."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def forget_in_datasets(store: DatasetStore, person: Person) -> list[str]:
    """What was deleted or, of `user_library`, written anew; by name, and days of feedback by name and day."""
    if not store.root.exists():
        return []
    row = _row_of(store, person)
    changed = []
    for folder in sorted(store.root.iterdir(), key=lambda path: path.name):
        if folder.name == LIBRARY or not folder.is_dir():
            continue
        for inner in list(_stored(folder)):
            if holds(Dataset(inner, Manifest.parse((inner / "manifest.json").read_text())), person, row):
                changed.append(str(inner.path).removeprefix(f"{store.root.path}/"))
                inner.fs.rm(inner.path, recursive=True)
        _clear_unfinished(folder)
    if row is not None or _is_registered(store, person):
        _blank(store, person, row)
        changed.append(LIBRARY)
    if store.folder(LIBRARY).exists():
        _clear_unfinished(store.folder(LIBRARY))
    return changed


def holds(dataset: Dataset, person: Person, row: int | None) -> bool:
    """Whether a table of the dataset has the id in a text, or their row in a column or an array of users' rows."""
    parts = dataset.manifest.parts
    if row is not None and any(name in parts for name in _ROW_ARRAYS):
        return True
    tables = [name.removesuffix(".parquet") for name in parts if name.endswith(".parquet")]
    frames = [*(dataset.part(name) for name in tables)]
    return any(_in_frame(frame, person, row) for frame in frames) or any(
        _in_frame(frame, person, row) for frame in dataset.shards()
    )


def _in_frame(frame: pl.DataFrame, person: Person, row: int | None) -> bool:
    tests = []
    if frame.schema.get("user") == pl.String and any(person.is_called(name) for name in frame["user"].unique()):
        return True
    for name, dtype in frame.schema.items():
        text = pl.col(name)
        if dtype == pl.List(pl.String):
            text = text.list.join(" ", ignore_nulls=True)
        if dtype in (pl.String, pl.List(pl.String)):
            tests.append(text.str.contains(f"(?i){person.user_id}").any())
        elif name in _BY_ROW and dtype.is_integer() and row is not None:
            tests.append((text == row).any())
    return bool(tests) and any(frame.select(test.alias(str(i)) for i, test in enumerate(tests)).row(0))


def _stored(folder: UPath) -> Iterator[UPath]:
    """The folders with a manifest: the dataset's own, and its days'."""
    for path in (folder, *(inner for inner in folder.iterdir() if _DAY.fullmatch(inner.name))):
        if (path / "manifest.json").exists():
            yield path


def _clear_unfinished(folder: UPath) -> None:
    """Delete what runs that died left: nobody reads it but a run that goes on, and it may hold anybody."""
    if not folder.exists():
        return
    manifest = folder / "manifest.json"
    cache_key = Manifest.parse(manifest.read_text()).cache_key if manifest.exists() else None
    for inner in list(folder.iterdir()):
        if inner.is_dir() and inner.name != cache_key and not (inner / "manifest.json").exists():
            inner.fs.rm(inner.path, recursive=True)


def _row_of(store: DatasetStore, person: Person) -> int | None:
    if not store.has(LIBRARY):
        return None
    users = store.open(LIBRARY).frame(["user", "user_id"])
    found = users.filter(pl.col("user_id") == person.user_id)["user"]
    return int(found[0]) if len(found) else None


def _is_registered(store: DatasetStore, person: Person) -> bool:
    return store.has(LIBRARY) and person.user_id in stored_register(store.open(LIBRARY))["user_id"]


def _blank(store: DatasetStore, person: Person, row: int | None) -> None:
    stored = store.open(LIBRARY)
    held = LabelledLibrary.load(stored)
    library, rows = held.library, held.rows
    is_them = pl.col("user_id") == person.user_id
    if row is not None:
        counts = [name for name in ("songs", "length") if name in rows.columns]
        rows = rows.with_columns(
            pl.when(is_them).then(0).otherwise(pl.col(name)).cast(pl.UInt32).alias(name) for name in counts
        )
        kept = np.ones(len(library.indices), bool)
        kept[library.indptr[row] : library.indptr[row + 1]] = False
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])[library.indptr]
        library = Library(indptr, library.indices[kept], library.n_columns)
    nameless = pl.when(is_them).then(pl.lit(person.stand_in)).otherwise(pl.col("user_id")).alias("user_id")
    manifest = stored.manifest
    cache_key = CacheKey(LIBRARY, f"without {person.stand_in}", manifest.inputs, manifest.params)
    parts = {PART: stored_register(stored).with_columns(nameless)}
    labelled = LabelledLibrary(library, rows.with_columns(nameless), held.columns)
    labelled.save(store.writer(cache_key, manifest.run_id), manifest.extra, parts)

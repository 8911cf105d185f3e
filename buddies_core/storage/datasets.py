"""Stored datasets: a dataset is a folder of files and a manifest that names them; the manifest is written last.

    <home>/datasets/<name>/manifest.json           what the dataset is now
    <home>/datasets/<name>/<recipe>/shard-00000.parquet …

`<recipe>` is the fingerprint of everything that decides the content: code, inputs, settings. A run that died left its
shards in the folder of its recipe, so the same run again finds them; another recipe writes elsewhere, and the old
dataset stays whole until the new manifest replaces it. Any fsspec URL works; local files are written beside their
name and moved into place.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from upath import UPath

from buddies_core import json_text
from buddies_core.errors import BuddiesError
from buddies_core.storage.files import (
    digest,
    home_path,
    is_local,
    parquet_bytes,
    read_parquet,
    read_rows,
    write_atomically,
)


class DatasetNotFoundError(BuddiesError, LookupError):
    """A dataset that was asked for and is not stored."""


class DamagedDatasetError(DatasetNotFoundError):
    """A dataset whose files are not those that its manifest names: it must be materialised again."""


@dataclass(frozen=True)
class StoredFile:
    """One file of a dataset: its name in the recipe's folder, its rows (0 for arrays), bytes and content digest."""

    file: str
    rows: int
    bytes: int
    digest: str


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a dataset's content, apart from the entities themselves."""

    name: str
    code: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """16 hex digits; equal for equal recipes on any machine."""
        return digest(json_text.dumps(asdict(self), sort_keys=True, default=str).encode())[:16]


@dataclass(frozen=True)
class Manifest:
    """What a dataset holds, who made it and from what. `fingerprint` is a digest of the content alone."""

    name: str
    recipe: str
    shards: list[StoredFile]
    parts: dict[str, StoredFile]
    columns: dict[str, str]
    rows: int
    bytes: int
    fingerprint: str
    created_at: str
    run_id: str
    inputs: dict[str, str]
    params: dict[str, Any]
    extra: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Manifest from its JSON.

        Raises:
            DamagedDatasetError: the text is no manifest.
        """
        try:
            raw = json.loads(text)
            raw["shards"] = [StoredFile(**shard) for shard in raw["shards"]]
            raw["parts"] = {name: StoredFile(**part) for name, part in raw["parts"].items()}
            return cls(**raw)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedDatasetError(
                f"A manifest cannot be read ({error}): materialise the asset of its folder again."
            ) from error


class Dataset:
    """A stored dataset, read lazily: nothing is loaded until a frame or an array is asked for."""

    def __init__(self, folder: UPath, manifest: Manifest) -> None:
        self.folder = folder / manifest.recipe
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


def is_whole(folder: UPath, stored: StoredFile) -> bool:
    """Whether a file is there with the size and the digest that its record names."""
    path = folder / stored.file
    return path.exists() and path.stat().st_size == stored.bytes and digest(path.read_bytes()) == stored.digest


def _read_note(path: UPath) -> dict[str, Any] | None:
    """A small JSON file beside a shard; None where there is none, or one that was cut short."""
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


class DatasetWriter:
    """Writes the files of one recipe and, at the end, the manifest that makes them the dataset."""

    def __init__(self, folder: UPath, recipe: Recipe, run_id: str) -> None:
        self.recipe = recipe
        self._dataset_folder = folder
        self.folder = folder / recipe.fingerprint
        self._run_id = run_id
        self._parts: dict[str, StoredFile] = {}
        self.folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def shard_name(index: int) -> str:
        """File name of a shard."""
        return f"shard-{index:05d}.parquet"

    def noted_shard(self, index: int) -> StoredFile | None:
        """The record of a shard that this recipe has finished, whatever became of its file; else None."""
        noted = _read_note(self.folder / f"{self.shard_name(index)}.json")
        return None if noted is None else StoredFile(**noted)

    def stored_shard(self, index: int) -> StoredFile | None:
        """The record of a shard that an earlier run of this recipe finished and whose file is as it was written.

        A shard of another size or digest counts as missing: making the dataset again is what repairs it.
        """
        noted = self.noted_shard(index)
        return noted if noted is not None and is_whole(self.folder, noted) else None

    def write_shard(self, index: int, frame: pl.DataFrame, *, row_group: int | None = None) -> StoredFile:
        """Store one shard; its note is written after its content, so a note means a whole shard.

        `row_group` is given where parts of the shard are read later: rows that are stored, and read, together.
        """
        stored = self._write(self.shard_name(index), parquet_bytes(frame, row_group), frame.height)
        write_atomically(self.folder / f"{stored.file}.json", json_text.dumps(asdict(stored)).encode())
        return stored

    def write_facts(self, index: int, facts: Mapping[str, Any]) -> None:
        """Note what a shard does not say of itself and a run that goes on must know; no part of the dataset."""
        write_atomically(self._facts_file(index), json_text.dumps(facts).encode())

    def stored_facts(self, index: int) -> dict[str, Any] | None:
        """What an earlier run of this recipe noted of the shard with `write_facts`, else None."""
        return _read_note(self._facts_file(index))

    def _facts_file(self, index: int) -> UPath:
        return self.folder / f"{self.shard_name(index)}.facts.json"

    def write_part(self, name: str, value: pl.DataFrame | np.ndarray) -> StoredFile:
        """Store a table or an array beside the shards."""
        if isinstance(value, pl.DataFrame):
            stored = self._write(f"{name}.parquet", parquet_bytes(value), value.height)
        else:
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(value), allow_pickle=False)
            stored = self._write(f"{name}.npy", buffer.getbuffer(), 0)
        self._parts[stored.file] = stored
        return stored

    def commit(
        self, shards: list[StoredFile], *, rows: int | None = None, extra: Mapping[str, Any] | None = None
    ) -> Dataset:
        """Make these files the dataset. Older recipes' folders are deleted, since nothing points to them now."""
        files = [*shards, *(self._parts[name] for name in sorted(self._parts))]
        columns = {}
        if shards:
            schema = read_parquet(self.folder / shards[0].file, n_rows=0).schema
            columns = {name: str(dtype) for name, dtype in schema.items()}
        manifest = Manifest(
            name=self.recipe.name,
            recipe=self.recipe.fingerprint,
            shards=shards,
            parts=dict(sorted(self._parts.items())),
            columns=columns,
            rows=sum(shard.rows for shard in shards) if rows is None else rows,
            bytes=sum(file.bytes for file in files),
            fingerprint=digest("".join(file.digest for file in files).encode())[:16],
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            run_id=self._run_id,
            inputs=dict(self.recipe.inputs),
            params=dict(self.recipe.params),
            extra=dict(extra or {}),
        )
        write_atomically(self._dataset_folder / "manifest.json", json_text.dumps(asdict(manifest), indent=1).encode())
        for old in self._dataset_folder.iterdir():
            if old.is_dir() and old.name != self.recipe.fingerprint:
                old.fs.rm(old.path, recursive=True)
        return Dataset(self._dataset_folder, manifest)

    def _write(self, file: str, content: bytes | memoryview, rows: int) -> StoredFile:
        write_atomically(self.folder / file, content)
        return StoredFile(file, rows, len(content), digest(content))


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

    def reusable(self, recipe: Recipe, folder: UPath | None = None) -> Dataset | None:
        """The dataset, when it is stored whole and by this recipe (in `folder` as of `writer`); else None."""
        folder = folder or self.folder(recipe.name)
        manifest = folder / "manifest.json"
        if not manifest.exists():
            return None
        try:
            dataset = Dataset(folder, Manifest.parse(manifest.read_text()))
        except DamagedDatasetError:
            return None
        same = dataset.manifest.recipe == recipe.fingerprint
        return dataset if same and not dataset.damaged() else None

    def names(self) -> list[str]:
        """Names of the stored datasets, sorted."""
        if not self.root.exists():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and self.has(path.name))

    def writer(self, recipe: Recipe, run_id: str, folder: UPath | None = None) -> DatasetWriter:
        """A writer for the recipe's dataset (in `folder` when it is not the dataset's own, as for a partition)."""
        return DatasetWriter(folder or self.folder(recipe.name), recipe, run_id)

"""Writing a dataset: its shards and parts one by one, and the manifest that names them last."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from upath import UPath

from buddies_core import json_text
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.files import digest, parquet_bytes, read_parquet, write_atomically
from buddies_core.storage.manifest import CacheKey, Manifest, StoredFile, is_whole


def _read_note(path: UPath) -> dict[str, Any] | None:
    """A small JSON file beside a shard; None where there is none, or one that was cut short."""
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


class DatasetWriter:
    """Writes the files of one cache key and, at the end, the manifest that makes them the dataset."""

    def __init__(self, folder: UPath, cache_key: CacheKey, run_id: str) -> None:
        self.cache_key = cache_key
        self._dataset_folder = folder
        self.folder = folder / cache_key.fingerprint
        self._run_id = run_id
        self._parts: dict[str, StoredFile] = {}
        self.folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def shard_name(index: int) -> str:
        """File name of a shard."""
        return f"shard-{index:05d}.parquet"

    def noted_shard(self, index: int) -> StoredFile | None:
        """The record of a shard that this cache key has finished, whatever became of its file; else None."""
        noted = _read_note(self.folder / f"{self.shard_name(index)}.json")
        return None if noted is None else StoredFile(**noted)

    def stored_shard(self, index: int) -> StoredFile | None:
        """The record of a shard that an earlier run of this cache key finished and whose file is as it was written.

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

    def write_sidecar(self, index: int, facts: Mapping[str, Any]) -> None:
        """Note what a shard does not say of itself and a run that goes on must know; no part of the dataset."""
        write_atomically(self._sidecar_file(index), json_text.dumps(facts).encode())

    def stored_sidecar(self, index: int) -> dict[str, Any] | None:
        """What an earlier run of this cache key noted of the shard with `write_sidecar`, else None."""
        return _read_note(self._sidecar_file(index))

    def _sidecar_file(self, index: int) -> UPath:
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
        """Make these files the dataset. Older cache keys' folders are deleted, since nothing points to them now."""
        files = [*shards, *(self._parts[name] for name in sorted(self._parts))]
        columns = {}
        if shards:
            schema = read_parquet(self.folder / shards[0].file, n_rows=0).schema
            columns = {name: str(dtype) for name, dtype in schema.items()}
        manifest = Manifest(
            name=self.cache_key.name,
            cache_key=self.cache_key.fingerprint,
            shards=shards,
            parts=dict(sorted(self._parts.items())),
            columns=columns,
            rows=sum(shard.rows for shard in shards) if rows is None else rows,
            bytes=sum(file.bytes for file in files),
            fingerprint=digest("".join(file.digest for file in files).encode())[:16],
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            run_id=self._run_id,
            inputs=dict(self.cache_key.inputs),
            params=dict(self.cache_key.params),
            extra=dict(extra or {}),
        )
        write_atomically(self._dataset_folder / "manifest.json", manifest.to_json().encode())
        for old in self._dataset_folder.iterdir():
            if old.is_dir() and old.name != self.cache_key.fingerprint:
                old.fs.rm(old.path, recursive=True)
        return Dataset(self._dataset_folder, manifest)

    def _write(self, file: str, content: bytes | memoryview, rows: int) -> StoredFile:
        write_atomically(self.folder / file, content)
        return StoredFile(file, rows, len(content), digest(content))

"""Other files of the home without a listener: daily lists, experiments, logs; and which files still name them."""

import mmap
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from buddies_assets.forgetting.person import Person
from buddies_core.artifact.named_arrays import read_artifact, write_artifact
from buddies_core.artifact.texts import TextColumn, pack_texts
from buddies_core.storage.durable import replacing

_TEXT = {".log", ".txt", ".out", ".err", ".json", ".ndjson", ".jsonl", ".csv", ".md", ".yaml", ".html"}
_SQLITE = b"SQLite format 3\x00"
_OF_POSTGRES = "postgres"
_OF_USERS = ("lists", "scores", "reasons", "because", "taste", "plays")
"""Arrays of an experiment with a row for each of its users."""
_PARTED = ("known",)
"""Arrays whose parts belong to users, between the places that `<name>_offsets` has."""


def forget_in_daily_lists(folder: Path, person: Person, instead: bytes | None) -> list[str]:
    """Names of the daily files that held their list; the line `instead` stands there now, without one none does.

    The time of change stays: it says which champion a file was written by.
    """
    changed: list[str] = []
    if person.number is None:
        return changed
    begins = b'{"user_id":%d,' % person.number
    nobodys = b"" if instead is None else instead + b"\n"
    for path in sorted(folder.glob("*.ndjson")):
        with path.open("rb") as old:
            if not any(line.startswith(begins) and line != nobodys for line in old):
                continue
            old.seek(0)
            written = path.stat()
            with replacing(path) as new:
                new.writelines(nobodys if line.startswith(begins) else line for line in old)
                new.flush()
                os.utime(new.fileno(), ns=(written.st_atime_ns, written.st_mtime_ns))
        changed.append(path.name)
    return changed


def forget_in_experiments(folder: Path, person: Person) -> list[str]:
    """Names of the experiments that had a user of this id; each is published anew, and its earlier versions go."""
    changed = []
    for root in sorted(path.parent for path in folder.glob("*/current.json")):
        artifact = read_artifact(root)
        arrays = artifact.arrays
        if not {"user_offsets", "user_bytes"} <= arrays.keys():
            continue
        column = TextColumn(arrays["user_offsets"], arrays["user_bytes"])
        users = [column[row] for row in range(len(column))]
        kept = [row for row, user in enumerate(users) if not person.is_called(user)]
        if len(kept) == len(users):
            continue
        rewritten = {name: array[kept] if name in _OF_USERS else np.array(array) for name, array in arrays.items()}
        for name in _PARTED:
            if f"{name}_offsets" in arrays:
                rewritten |= _parts_of(arrays, name, kept)
        version = write_artifact(root, rewritten | pack_texts("user", [users[row] for row in kept]), artifact.facts)
        for old in (root / "versions").iterdir():
            if old.name != version:
                shutil.rmtree(old)
        # rows that a reading set aside; the next one writes them again
        (root / "quarantine.parquet").unlink(missing_ok=True)
        changed.append(root.name)
    return changed


def _parts_of(arrays: Mapping[str, np.ndarray], name: str, kept: list[int]) -> dict[str, np.ndarray]:
    values, offsets = arrays[name], arrays[f"{name}_offsets"]
    parts = [values[offsets[row] : offsets[row + 1]] for row in kept]
    lengths = np.array([0, *map(len, parts)], offsets.dtype)
    return {name: np.concatenate([values[:0], *parts]), f"{name}_offsets": np.cumsum(lengths, dtype=offsets.dtype)}


def redact(home: Path, person: Person, *, leave: tuple[Path, ...] = ()) -> tuple[list[Path], list[Path]]:
    """Files in which the id was overwritten, and those that name it still, which are no text.

    Texts are overwritten in place by as many characters, so that a process that appends to its log goes on doing so.

    Args:
        leave: folders that are not changed; files in them are told where they name the id.
    """
    changed: list[Path] = []
    named: list[Path] = []
    for path in _files(home):
        places = _places(path, person.user_id.encode())
        if not places:
            continue
        if any(path.is_relative_to(folder) for folder in leave):
            named.append(path)
        elif _is_sqlite(path):
            _redact_sqlite(path, person)
            (named if _places(path, person.user_id.encode()) else changed).append(path)
        elif path.suffix in _TEXT:
            with path.open("r+b") as file:
                for place in places:
                    file.seek(place)
                    file.write(person.stand_in.encode())
            changed.append(path)
        else:
            named.append(path)
    return changed, named


def _files(home: Path) -> Iterator[Path]:
    for folder, inner, names in os.walk(home):
        if Path(folder) == home:
            inner[:] = [name for name in inner if name != _OF_POSTGRES]
        for name in names:
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _places(path: Path, user_id: bytes) -> list[int]:
    """Where the id stands in a file, in any letter case; the file is mapped and not read whole into memory."""
    if path.stat().st_size < len(user_id):
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [found.start() for found in re.finditer(re.escape(user_id), content, re.IGNORECASE)]


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _redact_sqlite(path: Path, person: Person) -> None:
    """Texts of a SQLite database (Dagster's, MLflow's) without the id; pages that were freed are given up too."""
    told = {"stand_in": person.stand_in}
    connection = sqlite3.connect(path, timeout=30)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, *_ in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
                for user_id in (person.user_id, person.user_id.upper()):
                    connection.execute(
                        f'UPDATE "{table}" SET "{column}" = replace("{column}", :id, :stand_in)'
                        f' WHERE typeof("{column}") = \'text\' AND instr("{column}", :id)',
                        told | {"id": user_id},
                    )
        connection.commit()
        connection.execute("VACUUM")
    finally:
        connection.close()

"""Files and folders that stand under their name in full or not at all, also after a loss of power.

What is written goes to a hidden name beside the target, to the disk, and then takes the target's name in one step; the
name is on the disk when the call returns. Everything of this project that replaces a file, or publishes a folder, does
it by this module (standard library alone: the service uses it too).
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PUBLIC, PRIVATE = 0o666, 0o600
"""Modes of a new file: what the umask leaves, and for its owner alone (passwords, keys)."""

_ENDING = ".partial"


@contextmanager
def replacing(path: Path, mode: int = PUBLIC) -> Iterator[BinaryIO]:
    """A file open for writing whose content becomes `path` when the block ends; a block that fails leaves what was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path)
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_durably(path: Path, content: bytes | memoryview, mode: int = PUBLIC) -> None:
    """Write a file in one step: readers, and a crash, find the old content or the new."""
    with replacing(path, mode) as file:
        file.write(content)


def write_first(path: Path, content: bytes, mode: int = PUBLIC) -> bool:
    """Write a file unless it is there; of two writers at once the first one's content stays. True for that one."""
    own = _beside(path)
    write_durably(own, content, mode)
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    finally:
        own.unlink()
    sync_folder(path.parent)
    return True


@contextmanager
def publishing(folder: Path) -> Iterator[Path]:
    """A new folder to be filled that becomes `folder` when the block ends; a block that fails leaves nothing.

    What the block writes it has to sync itself (`write_durably`, `synced`). Raises FileExistsError when the target is
    there already and is not empty.
    """
    partial = _beside(folder)
    try:
        partial.mkdir(parents=True)
        yield partial
        if folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} exists already and is not replaced")
        sync_folder(partial)
        partial.replace(folder)
    except BaseException:
        # a disk that is full would stay full of what was given up
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(folder.parent)


@contextmanager
def synced(path: Path) -> Iterator[BinaryIO]:
    """A file of a folder that is not published yet: on the disk when the block ends."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def abandoned(folder: Path) -> list[Path]:
    """What writers that are no more left unfinished in a folder; of this process everything, so not while it writes."""
    found = []
    for path in sorted(folder.glob(f".*{_ENDING}")):
        writer = path.name.removesuffix(_ENDING).rpartition(".")[2]
        if not writer.isdigit() or int(writer) == os.getpid() or not _is_alive(int(writer)):
            found.append(path)
    return found


def _beside(path: Path) -> Path:
    """A name of this call's own beside the target; its process is told, so that others see whether it is alive."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{os.getpid()}{_ENDING}")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

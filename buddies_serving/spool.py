"""The feedback spool: a local journal for the time that PostgreSQL is away.

A folder of segments `<number>.spool`; a record is a line `<crc32 in 8 hex digits> <JSON>`. An append returns when the
data is on disk (fdatasync). A line cut short by a crash was never acknowledged and is skipped; a damaged line elsewhere
is copied to `damaged.txt` and reported.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from buddies_serving.errors import SpoolError
from buddies_serving.feedback_types import Session

logger = logging.getLogger(__name__)
_SEGMENT_BYTES = 8 << 20
_DECODER = msgspec.json.Decoder(Session)


class Spool:
    """One process's journal; the folder is locked against a second one. Safe for use by several threads."""

    def __init__(self, folder: Path, *, max_bytes: int = 1 << 30) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._mutex = threading.Lock()
        self._file: int | None = None
        self._path: Path | None = None
        self._written = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise SpoolError(f"{folder} is in use by another service; name another with BUDDIES_SPOOL_DIR") from error
        self._sizes = {path: path.stat().st_size for path in sorted(folder.glob("*.spool"))}
        self._number = max((int(path.stem) for path in self._sizes), default=0)

    @property
    def size(self) -> int:
        """Bytes that wait to be replayed."""
        return sum(self._sizes.values())

    def append(self, sessions: Sequence[Session]) -> None:
        """Writes the sessions; when this returns they survive a crash. Raises SpoolError when they do not."""
        data = b"".join(map(_line, sessions))
        with self._mutex:
            if self.size + len(data) > self._max_bytes:
                raise SpoolError(f"the spool in {self.folder} is full ({self.size} bytes); PostgreSQL must return")
            try:
                self._write(data)
            except OSError as error:
                self._abandon()
                raise SpoolError(f"the spool in {self.folder} cannot be written: {error.strerror or error}") from error

    def closed(self) -> list[Path]:
        """The segments that are complete, oldest first; the one being written is closed and is among them."""
        with self._mutex:
            self._close()
            return sorted(self._sizes)

    def read(self, path: Path) -> list[Session]:
        """The sessions of a segment, in the order written."""
        sessions: list[Session] = []
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines):
            session = _session(line)
            if session is not None:
                sessions.append(session)
            elif line and number < len(lines) - 1:
                self._set_apart(path, number, line)
        return sessions

    def remove(self, path: Path) -> None:
        """Deletes a segment that has been replayed."""
        with self._mutex:
            path.unlink(missing_ok=True)
            self._sizes.pop(path, None)

    def reject(self, session: Session, reason: str) -> None:
        """Keeps a session that the schema refuses in `rejected.ndjson`, with the reason, for a person to look at."""
        with (self.folder / "rejected.ndjson").open("ab") as file:
            file.write(msgspec.json.encode({"reason": reason, "session": session}) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Closes the segment and gives the folder back."""
        with self._mutex:
            self._close()
            os.close(self._lock)

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._number += 1
            self._path = self.folder / f"{self._number:012d}.spool"
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._written = 0
            self._sizes[self._path] = 0
            _sync_folder(self.folder)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fdatasync(self._file)
        self._written += len(data)
        assert self._path is not None
        self._sizes[self._path] = self._written
        if self._written >= _SEGMENT_BYTES:
            self._close()

    def _abandon(self) -> None:
        """Cuts off what a failed write left behind: those sessions were refused, and must not come back."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._written)
            os.fdatasync(self._file)
        except OSError:
            logger.exception("spool segment not cut back; refused sessions may be stored")
        self._close()

    def _close(self) -> None:
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if self._written == 0 and self._path is not None:
            self._path.unlink(missing_ok=True)
            self._sizes.pop(self._path, None)

    def _set_apart(self, path: Path, number: int, line: bytes) -> None:
        logger.error("damaged line in spool", extra={"segment": path.name, "line": number})
        with (self.folder / "damaged.txt").open("ab") as file:
            file.write(b"%s:%d %s\n" % (path.name.encode(), number, line))


def _line(session: Session) -> bytes:
    payload = msgspec.json.encode(session)
    return b"%08x %s\n" % (crc32(payload), payload)


def _session(line: bytes) -> Session | None:
    checksum, _, payload = line.partition(b" ")
    try:
        if int(checksum, 16) != crc32(payload):
            return None
        return _DECODER.decode(payload)
    except (ValueError, msgspec.DecodeError):
        return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

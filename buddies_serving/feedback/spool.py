"""The feedback spool: a local journal for the time that PostgreSQL is away.

A folder of segments `<12 digits>.spool`. The first line of a segment says how many records were known to be on disk; a
record is a line `<crc32 in 8 hex digits> <JSON>`. An append returns when the data is on disk (fdatasync). A line cut
short by a crash was never acknowledged and is skipped. A damaged line is copied to `damaged.txt`, records that the
first line counts and the file lacks are missing, and what the database refuses goes to `rejected.ndjson`; all three are
counted in `losses.json`, which the service's health and metrics and the dashboard show until somebody removes it.
"""

import fcntl
import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from buddies_core.storage.durable import sync_folder, write_durably
from buddies_serving.errors import SpoolError
from buddies_serving.types.feedback import Event, Losses, Record, Session

logger = logging.getLogger(__name__)
_SEGMENT_BYTES = 8 << 20
_NAME = re.compile(r"\d{12,}\.spool")
_HEADER = re.compile(rb"buddies-spool 2 (\d{12}) ([0-9a-f]{8})\n")
_HEADER_LENGTH = 38
_EVENT = b'{"event_id":'
_EVENTS, _SESSIONS = msgspec.json.Decoder(Event), msgspec.json.Decoder(Session)
LOSSES = "losses.json"


class Spool:
    """One process's journal; the folder is locked against a second one. Safe for use by several threads."""

    def __init__(self, folder: Path, *, max_bytes: int = 1 << 30) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._mutex = threading.Lock()
        self._file: int | None = None
        self._path: Path | None = None
        self._written = 0
        self._records = 0
        self._reported: set[tuple[str, int]] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            problem = f"the spool in {folder} cannot be used: {error.strerror}"
            raise SpoolError(f"{problem}; make room or name another with BUDDIES_SPOOL_DIR") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise SpoolError(f"{folder} is in use by another service; name another with BUDDIES_SPOOL_DIR") from error
        self._sizes = {path: path.stat().st_size for path in self._segments()}
        self._number = max((int(path.stem) for path in self._sizes), default=0)
        self.losses = self._read_losses()

    @property
    def size(self) -> int:
        """Bytes that wait to be replayed."""
        return sum(self._sizes.values())

    def append(self, records: Sequence[Record]) -> None:
        """Writes the records; when this returns they survive a crash. Raises SpoolError when they do not."""
        data = b"".join(map(_line, records))
        with self._mutex:
            if self.size + len(data) > self._max_bytes:
                raise SpoolError(f"the spool in {self.folder} is full ({self.size} bytes); PostgreSQL must return")
            try:
                self._write(data, len(records))
            except OSError as error:
                self._abandon()
                raise SpoolError(f"the spool in {self.folder} cannot be written: {error.strerror or error}") from error

    def closed(self) -> list[Path]:
        """The segments that are complete, oldest first; the one being written is closed and is among them."""
        with self._mutex:
            self._close()
            return sorted(self._sizes, key=lambda path: int(path.stem))

    def read(self, path: Path) -> Iterator[Record]:
        """The records of a segment, in the order written, one line in memory at a time."""
        found = damaged = 0
        with path.open("rb") as file:
            expected = _expected(file.readline(_HEADER_LENGTH))
            if expected is None:
                # a segment of an older service has no first line of this kind
                file.seek(0)
            for number, line in enumerate(file):
                record = _record(line[:-1]) if line.endswith(b"\n") else None
                if record is not None:
                    found += 1
                    yield record
                elif line.endswith(b"\n"):
                    damaged += 1
                    self._set_apart(path, number, line)
        missing = (expected or 0) - found - damaged
        if missing > 0:
            self._report(path, -1, f"{missing} of {expected} records are missing in {path.name}", "missing", missing)

    def remove(self, path: Path) -> None:
        """Deletes a segment that has been replayed."""
        with self._mutex:
            path.unlink(missing_ok=True)
            self._sizes.pop(path, None)

    def reject(self, record: Record, reason: str) -> None:
        """Keeps a record that the schema refuses in `rejected.ndjson`, with the reason, for a person to look at."""
        with (self.folder / "rejected.ndjson").open("ab") as file:
            file.write(
                msgspec.json.encode({"reason": reason, "event" if isinstance(record, Event) else "session": record})
                + b"\n"
            )
            file.flush()
            os.fsync(file.fileno())
        self._count("refused", 1)

    def close(self) -> None:
        """Closes the segment and gives the folder back."""
        with self._mutex:
            self._close()
            os.close(self._lock)

    def _segments(self) -> list[Path]:
        found = []
        for path in sorted(self.folder.glob("*.spool")):
            if _NAME.fullmatch(path.name) and path.is_file():
                found.append(path)
            else:
                logger.warning("a file in the spool is not of the spool", extra={"file": path.name})
        return found

    def _write(self, data: bytes, records: int) -> None:
        if self._file is None:
            self._number += 1
            self._path = self.folder / f"{self._number:012d}.spool"
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._written = self._records = 0
            self._sizes[self._path] = 0
            self._write_all(_header(0))
            self._written = _HEADER_LENGTH
            sync_folder(self.folder)
        self._write_all(data)
        # what was synced before this append: the count must never run ahead of what a crash leaves
        os.pwrite(self._file, _header(self._records), 0)
        os.fdatasync(self._file)
        self._written += len(data)
        self._records += records
        assert self._path is not None
        self._sizes[self._path] = self._written
        if self._written >= _SEGMENT_BYTES:
            self._close()

    def _write_all(self, data: bytes) -> None:
        assert self._file is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def _abandon(self) -> None:
        """Cuts off what a failed write left behind: those records were refused, and must not come back."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._written)
            os.fdatasync(self._file)
        except OSError:
            logger.exception("spool segment not cut back; refused records may be stored")
        self._close()

    def _close(self) -> None:
        if self._file is None:
            return
        try:
            os.pwrite(self._file, _header(self._records), 0)
            os.fdatasync(self._file)
        except OSError as error:
            # the count stays that of the append before: what is there can still be read
            logger.warning("spool segment closed without its count", extra={"reason": str(error)})
        os.close(self._file)
        self._file = None
        if not self._records and self._path is not None:
            self._path.unlink(missing_ok=True)
            self._sizes.pop(self._path, None)

    def _set_apart(self, path: Path, number: int, line: bytes) -> None:
        if (path.name, number) not in self._reported:
            with (self.folder / "damaged.txt").open("ab") as file:
                file.write(b"%s:%d %s" % (path.name.encode(), number, line))
        self._report(path, number, f"line {number} of {path.name} is damaged", "damaged", 1)

    def _report(self, path: Path, number: int, event: str, kind: str, count: int) -> None:
        # a segment is read at the start and again when it is replayed, but is damaged once
        if (path.name, number) in self._reported:
            return
        self._reported.add((path.name, number))
        logger.error(event, extra={"segment": path.name})
        self._count(kind, count)

    def _count(self, kind: str, count: int) -> None:
        self.losses = msgspec.structs.replace(self.losses, **{kind: getattr(self.losses, kind) + count})
        write_durably(self.folder / LOSSES, msgspec.json.encode(self.losses))

    def _read_losses(self) -> Losses:
        path = self.folder / LOSSES
        if not path.exists():
            return Losses()
        try:
            return msgspec.json.decode(path.read_bytes(), type=Losses)
        except (OSError, msgspec.DecodeError) as error:
            logger.error("the count of losses cannot be read and starts anew", extra={"reason": str(error)})
            return Losses()


def _header(records: int) -> bytes:
    count = b"%012d" % records
    return b"buddies-spool 2 %b %08x\n" % (count, crc32(count))


def _line(record: Record) -> bytes:
    payload = msgspec.json.encode(record)
    return b"%08x %s\n" % (crc32(payload), payload)


def _record(line: bytes) -> Record | None:
    checksum, _, payload = line.partition(b" ")
    try:
        if int(checksum, 16) != crc32(payload):
            return None
        return _EVENTS.decode(payload) if payload.startswith(_EVENT) else _SESSIONS.decode(payload)
    except (ValueError, msgspec.DecodeError):
        return None


def _expected(line: bytes) -> int | None:
    """The count in a segment's first line; None if that is none, or was damaged."""
    match = _HEADER.fullmatch(line)
    return int(match[1]) if match and int(match[2], 16) == crc32(match[1]) else None

"""The spool without a listener: segments that no service holds are written anew, and so is what was set aside.

While a service runs the spool is its own. It empties within seconds while PostgreSQL answers; where it does not, the
sessions that wait would be stored after all, so that nothing is done before.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from buddies_assets.forgetting.person import Person
from buddies_core.errors import BuddiesError
from buddies_core.storage.durable import PRIVATE, write_durably
from buddies_serving.errors import SpoolError
from buddies_serving.feedback.spool import Spool
from buddies_serving.types.feedback import Record

_ASIDE = ("rejected.ndjson", "damaged.txt")
WAIT_SECONDS = 30.0


class SpoolInUseError(BuddiesError):
    """A spool with sessions in it that a service holds."""


def forget_in_spool(folder: Path, person: Person, *, wait: float = WAIT_SECONDS) -> int:
    """Records and lines removed from segments, `rejected.ndjson` and `damaged.txt`.

    Raises:
        SpoolInUseError: a service holds the spool and does not empty it in time.
    """
    if not folder.is_dir():
        return 0
    removed = 0
    deadline = time.monotonic() + wait
    while list(folder.glob("*.spool")):
        try:
            spool = Spool(folder)
        except SpoolError as error:
            if time.monotonic() > deadline:
                raise SpoolInUseError(
                    f"Feedback waits in {folder}, which a service holds: let PostgreSQL answer again, or stop the "
                    "service, and give the command once more."
                ) from error
            time.sleep(0.5)
            continue
        try:
            removed += sum(_rewrite(spool, path, person) for path in spool.closed())
        finally:
            spool.close()
        break
    return removed + sum(_without_lines(folder / name, lambda line: _names(line, person)) for name in _ASIDE)


def _rewrite(spool: Spool, path: Path, person: Person) -> int:
    """How many records of a segment were theirs; the others are on disk in a new segment before the old one goes."""
    records = list(spool.read(path))
    kept = [record for record in records if not _is_theirs(record, person)]
    if len(kept) < len(records):
        if kept:
            spool.append(kept)
        spool.remove(path)
    return len(records) - len(kept)


def _is_theirs(record: Record, person: Person) -> bool:
    return record.user_key == person.user_id or (record.user_key is None and record.user_id == person.number)


def _names(line: bytes, person: Person) -> bool:
    if person.user_id.encode() in line.lower():
        return True
    try:
        told = msgspec.json.decode(line)
        record = told["session"] if "session" in told else told["event"]
        return person.number is not None and record["user_id"] == person.number
    except (msgspec.DecodeError, KeyError, TypeError):
        return person.number is not None and b'"user_id":%d,' % person.number in line


def _without_lines(path: Path, is_theirs: Callable[[bytes], bool]) -> int:
    if not path.is_file():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not is_theirs(line)]
    if len(kept) < len(lines):
        write_durably(path, b"".join(kept), PRIVATE)
    return len(lines) - len(kept)

"""`buddies logs`: the end of what a server of `buddies up` wrote, and what it writes from then on."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from buddies_core.errors import BuddiesError

LOOK_SECONDS = 0.3


class NoLogError(BuddiesError):
    """No server of that name has written a log here."""


def log_of(home: Path, name: str) -> Path:
    """The file that a server writes to.

    Raises:
        NoLogError: there is none.
    """
    there = names(home)
    if name not in there:
        known = f"There are: {', '.join(there)}." if there else "`buddies up` writes them."
        raise NoLogError(f"There is no log {name!r} in {home / 'logs'}. {known}")
    return home / "logs" / f"{name}.log"


def names(home: Path) -> list[str]:
    """The servers that have written a log."""
    return sorted(file.stem for file in (home / "logs").glob("*.log"))


def last_lines(file: Path, number: int) -> list[str]:
    """The last lines of a file; bytes that are no text are shown as such."""
    with file.open(encoding="utf-8", errors="backslashreplace") as opened:
        return [line.rstrip("\n") for line in deque(opened, maxlen=number)]


def followed(file: Path, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Lines as they are written, from now on; a log that is set aside and begun anew is read from its beginning."""
    opened = file.open(encoding="utf-8", errors="backslashreplace")
    opened.seek(0, 2)
    held = ""
    while True:
        held += opened.read()
        *lines, held = held.split("\n")
        yield from lines
        wait(LOOK_SECONDS)
        if file.exists() and file.stat().st_ino != os.fstat(opened.fileno()).st_ino:
            opened.close()
            opened = file.open(encoding="utf-8", errors="backslashreplace")

"""Locks on files: one at a time, or many together, let go by the kernel however a process ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from buddies_core.errors import BuddiesError


class HomeInUseError(BuddiesError):
    """Another process does the same in the same home."""


@contextlib.contextmanager
def only_one(home: Path, what: str) -> Iterator[None]:
    """Lets one process at a time do `what` in a home.

    Raises:
        HomeInUseError: another one does; the message names it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with locked(home / f"{what.replace(' ', '-')}.lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as descriptor:
        if descriptor is None:
            other = (home / f"{what.replace(' ', '-')}.lock").read_text(encoding="utf-8").strip() or "another process"
            raise HomeInUseError(
                f"`{what}` works in {home} already ({other}): wait for it to end, or name another home in BUDDIES_HOME."
            )
        os.ftruncate(descriptor, 0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        os.write(descriptor, f"process {os.getpid()}, since {since}".encode())
        yield


@contextlib.contextmanager
def locked(path: Path, how: int) -> Iterator[int | None]:
    """The descriptor of a file that is locked (`fcntl.LOCK_…`) while the block runs; None where it could not be had."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            yield None
            return
        yield descriptor
    finally:
        os.close(descriptor)

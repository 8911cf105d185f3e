"""Room on the disk of the embedded PostgreSQL: a server that has none left ends, and only its log says why."""

import shutil
from pathlib import Path

LEAST = 48 << 20
"""Bytes below which the server cannot go on: three segments of its write-ahead log."""


def disk_is_full(error: Exception) -> str:
    """What to do about a statement that PostgreSQL had no room for."""
    return (
        f"PostgreSQL says: {str(error).splitlines()[0]}. Make room on its disk. Nothing that was acknowledged is lost, "
        "and what did not fit into the quality history is read again from Dagster's event log."
    )


def no_room(folder: Path) -> str | None:
    """That the disk which holds a server's folder is full, with what to do; None where it is not, or nobody knows."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    if free >= LEAST:
        return None
    return (
        f"The disk of {folder} is full ({free / 1e6:.0f} MB are left; PostgreSQL needs {LEAST / 1e6:.0f} MB to go on): "
        "make room, then start it again with `buddies up` or `buddies db start`. What was acknowledged is kept, and "
        "the quality history reads on where it stopped."
    )

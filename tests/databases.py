"""Folders for PostgreSQL servers of tests."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for one server, which the server's own user may enter; removed with the block.

    Not under pytest's folder: a second run of pytest closes that to other users.
    """
    folder = Path(tempfile.mkdtemp(prefix="buddies-postgres-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder / "server"
    finally:
        shutil.rmtree(folder, ignore_errors=True)

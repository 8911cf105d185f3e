"""A process beside the embedded server that stops it when the last one who uses it is gone, however they ended.

`python -m buddies_core.postgres.keeper FOLDER`. Whoever uses the server holds a shared lock on `users`; this process
waits for the same lock alone. A server that `buddies db start` was asked for is left running.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.storage.locks import locked


def begin(server: EmbeddedPostgres) -> None:
    """Starts the keeper of a server, which outlives this process."""
    subprocess.Popen(
        [sys.executable, "-m", "buddies_core.postgres.keeper", str(server.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main() -> None:
    """Waits until nobody uses the server, and stops it."""
    server = EmbeddedPostgres(Path(sys.argv[1]))
    with locked(server.users_file, fcntl.LOCK_EX):
        if not server.is_kept:
            server.stop()


if __name__ == "__main__":
    main()

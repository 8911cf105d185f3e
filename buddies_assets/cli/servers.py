"""The servers of `buddies up`: how each is started, where it answers, and whether anything goes on without it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from buddies_assets.cli.restarting import Restarts
from buddies_core.errors import BuddiesError
from buddies_core.http.ports import free_port
from buddies_core.registry.mlflow_tracking import tracking_uri
from buddies_core.settings import Settings

BIN = Path(sys.executable).parent
LONGEST_LOG = 20 * 2**20
"""Bytes of a log from which it is set aside, as `<name>.log.1`, at the next start."""
PLAIN = {"NO_COLOR": "1", "TERM": "dumb"}
"""Variables that keep colours out of the logs of most programs."""
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


PORTS = {"dagster": "dagster_port", "service": "port", "dashboard": "dashboard_port", "mlflow": "mlflow_port"}
"""The setting of each server's port."""


class PortTakenError(BuddiesError):
    """Another program listens on a port of ours: its callers would be answered by somebody else."""

    def __init__(self, taken: list[tuple[int | None, str]]) -> None:
        said = ", ".join(f"{port} (BUDDIES_{name.upper()})" for port, name in taken)
        super().__init__(f"Another program listens on port {said}. Stop it, or set the variable to a free port.")


class UnknownServerError(BuddiesError):
    """`buddies up --only` names a server that there is not."""


@dataclass
class Server:
    """One child: its key for `--only`, how it is started, where it answers (None: it has no page), and its process.

    `essential`: when it cannot be had, all the others are stopped too. `coloured`: it writes colour codes whatever
    it is asked, which are taken out of its log.
    """

    key: str
    name: str
    command: list[str]
    port: int | None = None
    ready: str = "/"
    essential: bool = False
    coloured: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    restarts: Restarts = field(default_factory=Restarts)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started_at: float = 0.0
    start_again_at: float = 0.0
    is_ready: bool = False

    @property
    def address(self) -> str:
        """Where a person opens it."""
        return f"http://127.0.0.1:{self.port}" if self.port else ""

    def log(self, folder: Path) -> Path:
        """Where it writes."""
        return folder / f"{self.key}.log"

    def start(self, folder: Path) -> None:
        """Start it; its log goes on where it was."""
        log = self.log(folder)
        if log.exists() and log.stat().st_size > LONGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        file = log.open("ab", buffering=0)
        file.write(f"--- started {datetime.now(UTC).isoformat(timespec='seconds')} ---\n".encode())
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE if self.coloured else file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | PLAIN | self.environment,
        )
        if self.process.stdout is not None:
            threading.Thread(target=without_colours, args=(self.process.stdout, file), daemon=True).start()
        else:
            file.close()
        self.started_at = time.monotonic()

    def answers(self) -> bool:
        """Whether it is ready; one without a page is when it is there."""
        if self.port is None:
            return True
        if not self.ready:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        try:
            with urllib.request.urlopen(self.address + self.ready, timeout=1):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def signal(self, number: int) -> None:
        """Send a signal to it and to the processes that it began."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    def stop_group(self) -> None:
        """End what a server that ended by itself may have left behind."""
        self.signal(signal.SIGKILL)


def without_colours(lines: IO[bytes], file: IO[bytes]) -> None:
    """Copy lines to a file, without the codes that colour them on a terminal."""
    with lines, file:
        for line in lines:
            file.write(_COLOUR.sub(b"", line))


def servers(settings: Settings, database: str, only: Collection[str] = ()) -> list[Server]:
    """The servers, or those that `only` names; MLflow only where its database can be had and it is not elsewhere.

    Raises:
        UnknownServerError: `only` names one that there is not.
        PortTakenError: another program listens on a port; the message names the variable.
    """
    dagster, service, dashboard, mlflow = (getattr(settings, name) for name in PORTS.values())
    code = free_port()
    os.environ |= {
        "BUDDIES_DAGSTER_URL": f"http://127.0.0.1:{dagster}",
        "BUDDIES_DASHBOARD_PORT": str(dashboard),
        "BUDDIES_PORT": str(service),
    }
    workspace = write_workspace(settings.local_home / "dagster" / "workspace.yaml", code)
    is_wanted = (not only or "mlflow" in only) and settings.mlflow_tracking_uri is None
    tracking = tracking_uri(database) if is_wanted else ""
    artifacts = settings.local_home / "mlflow"
    artifacts.mkdir(parents=True, exist_ok=True)
    local, where = ["--host", "127.0.0.1", "--port"], ["-w", str(workspace)]
    found = [
        Server("code", "code of the graph", [str(BIN / "dagster"), "api", "grpc", *local, str(code), "-m",
               "buddies_assets.definitions", "--location-name", "buddies"], code, ready="", coloured=True),
        Server("dagster", "Dagster UI", [sys.executable, "-m", "buddies_assets.cli.gated_dagster", *local, str(dagster),
               *where], dagster, coloured=True),
        Server("daemon", "Dagster daemon", [sys.executable, "-m", "buddies_assets.cli.frugal_daemon", "run", *where],
               coloured=True),
        Server("service", "service and listener page", [sys.executable, "-m", "buddies_serving"], service,
               "/health/live", essential=True),
        Server("dashboard", "data-quality dashboard", [sys.executable, "-m", "quality.dashboard"], dashboard,
               "/healthz"),
        # Its job workers (online scoring and the like, which nothing here uses) cost 1.2 GiB. The database's password
        # goes by a variable, which nobody else may read: everybody on the machine sees a command line.
        Server("mlflow", "MLflow", [sys.executable, "-m", "buddies_assets.cli.gated_mlflow", "server", *local,
               str(mlflow), "--artifacts-destination", str(artifacts), "--workers", "1"], mlflow, "/health",
               environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_BACKEND_STORE_URI": tracking or "",
                            "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost,localhost:*,127.0.0.1,127.0.0.1:*"}),
    ]  # fmt: skip
    unknown = set(only) - {server.key for server in found}
    if unknown:
        known = ", ".join(server.key for server in found)
        raise UnknownServerError(f"There is no server {', '.join(sorted(unknown))}; there are: {known}.")
    elsewhere = {"mlflow"} if settings.mlflow_tracking_uri is not None else set()
    chosen = [server for server in found if (not only or server.key in only) and server.key not in elsewhere]
    taken = [(server.port, PORTS[server.key]) for server in chosen if server.key in PORTS and not is_free(server.port)]
    if taken:
        raise PortTakenError(taken)
    return [server for server in chosen if server.key != "mlflow" or tracking is not None]


def write_workspace(file: Path, port: int) -> Path:
    """A workspace of one code server for UI and daemon, who would each start their own, the daemon every minute."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = f"load_from:\n  - grpc_server:\n      host: 127.0.0.1\n      port: {port}\n      location_name: buddies\n"
    file.write_text(text, encoding="utf-8")
    return file


def is_free(port: int | None) -> bool:
    """Whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or 0))
        except OSError:
            return False
    return True

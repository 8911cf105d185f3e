"""`buddies up`: the database and every server as children of one process, which stops them all."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from buddies_assets.cli.running import prepare_dagster_home
from buddies_assets.cli.console import styled
from buddies_core.errors import BuddiesError
from buddies_core.postgres.embedded import running_database
from buddies_core.registry.mlflow_tracking import tracking_uri
from buddies_core.settings import Settings, get_settings

BIN = Path(sys.executable).parent
GRACE_SECONDS = 15.0


class PortTakenError(BuddiesError):
    """Another program listens on a port of ours: its callers would be answered by somebody else."""

    def __init__(self, taken: list[str]) -> None:
        super().__init__(
            f"Another program listens on port {', '.join(taken)}. Stop it, or set the variable to a free port."
        )


@dataclass
class Server:
    """One child: how it is started, where it answers (None: it has no page), whether all ends with it, its process."""

    name: str
    command: list[str]
    port: int | None = None
    ready: str = "/"
    needed: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Where a person opens it."""
        return f"http://127.0.0.1:{self.port}" if self.port else ""


def servers(settings: Settings, database: str) -> list[Server]:
    """The servers of `buddies up`.

    Raises:
        PortTakenError: somebody else listens on a port; the message names its variable.
    """
    dagster, service, dashboard, mlflow = _ports(settings)
    os.environ["BUDDIES_DAGSTER_URL"] = f"http://127.0.0.1:{dagster}"
    os.environ["BUDDIES_MLFLOW_URL"] = f"http://127.0.0.1:{mlflow}"
    os.environ["BUDDIES_DASHBOARD_PORT"] = str(dashboard)
    os.environ["BUDDIES_PORT"] = str(service)
    tracking = tracking_uri(database)
    artifacts = settings.local_home / "mlflow"
    artifacts.mkdir(parents=True, exist_ok=True)
    local, workspace = ["--host", "127.0.0.1", "--port"], ["-w", "workspace.yaml"]
    found = [
        Server("Dagster UI", [str(BIN / "dagster-webserver"), *local, str(dagster), *workspace], dagster),
        Server("Dagster daemon", [str(BIN / "dagster-daemon"), "run", *workspace]),
        Server("service and listener page", [sys.executable, "-m", "buddies_serving"], service, "/health/live"),
        Server("data-quality dashboard", [sys.executable, "-m", "quality.dashboard"], dashboard),
    ]
    if tracking is not None:
        command = [str(BIN / "mlflow"), "server", *local, str(mlflow), "--backend-store-uri", tracking]
        command += ["--artifacts-destination", str(artifacts), "--workers", "1"]
        found.append(Server("MLflow", command, mlflow, "/health", needed=False))
    return found


def up(console: Console) -> int:
    """Start everything, print where it is, and wait for Ctrl-C or for a server to end; the exit code."""
    settings = Settings()
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopping.append(received))
    with running_database(settings) as url:
        os.environ |= {"BUDDIES_POSTGRES_URL": url, "MLFLOW_DISABLE_TELEMETRY": "true"}
        get_settings.cache_clear()
        prepare_dagster_home(settings)
        started = servers(settings, url)
        logs = settings.local_home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        try:
            for server in started:
                _start(server, logs)
            _announce(console, started, url, logs, stopping)
            ended = None
            while not stopping and not (ended := next((s for s in started if _has_ended(s)), None)):
                time.sleep(0.2)
        finally:
            _stop(started)
    if ended is not None:
        log = _log_of(ended, logs)
        console.print(styled((f"{ended.name} ended by itself", "red"), f"; the end of {log}:\n{_tail(log)}"))
        return 1
    console.print("All stopped.")
    return 0


def _start(server: Server, logs: Path) -> None:
    with _log_of(server, logs).open("wb") as log:
        server.process = subprocess.Popen(
            server.command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )


def _announce(console: Console, started: list[Server], url: str, logs: Path, stopping: list[int]) -> None:
    waiting = [server for server in started if server.port]
    with console.status("starting…") as status:
        while waiting and not stopping and not any(_has_ended(server) for server in started):
            waiting = [server for server in waiting if not _answers(server)]
            status.update("waiting for " + ", ".join(server.name for server in waiting))
            time.sleep(0.2)
    table = Table("what", "where", title="Running; Ctrl-C stops them all")
    for server in started:
        table.add_row(server.name, server.address or "(no page)")
    table.add_row("PostgreSQL", url.rsplit("@", 1)[-1])
    table.add_row("logs", str(logs))
    console.print(table)


def _answers(server: Server) -> bool:
    try:
        with urllib.request.urlopen(server.address + server.ready, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


def _has_ended(server: Server) -> bool:
    return server.process is not None and server.process.poll() is not None


def _stop(started: list[Server]) -> None:
    """SIGTERM to each process group, SIGKILL to what is left after a grace: a server may have children of its own."""
    running = [server.process for server in started if server.process is not None]
    for process in running:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(process.poll() is None for process in running) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in running:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _log_of(server: Server, logs: Path) -> Path:
    return logs / f"{server.name.lower().replace(' ', '-')}.log"


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _ports(settings: Settings) -> list[int]:
    """The ports of Dagster's UI, the service, the dashboard and MLflow, none of them taken."""
    names = ("dagster_port", "port", "dashboard_port", "mlflow_port")
    ports = {f"BUDDIES_{name.upper()}": int(getattr(settings, name)) for name in names}
    taken = [f"{port} ({variable})" for variable, port in ports.items() if not _is_free(port)]
    if taken:
        raise PortTakenError(taken)
    return list(ports.values())


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

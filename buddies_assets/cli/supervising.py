"""`buddies up`: the database and every server as children of one process, which starts again what ends."""

import os
import signal
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from buddies_assets.cli.console import styled
from buddies_assets.cli.database_watch import DatabaseWatch
from buddies_assets.cli.running import prepare_dagster_home
from buddies_assets.cli.servers import Server, servers
from buddies_core.postgres.database import running_database
from buddies_core.settings import Settings, get_settings
from buddies_core.storage.locks import only_one

GRACE_SECONDS = 15.0
LOOK_SECONDS = 0.5


def up(console: Console, only: Collection[str] = ()) -> int:
    """Start the servers, say where each is as soon as it answers, and keep them up until Ctrl-C; the exit code.

    It is 1 when a server that everything needs could not be had.
    """
    settings = Settings()
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopping.append(received))
    with only_one(settings.local_home, "buddies up"), running_database(settings) as url:
        os.environ |= {"BUDDIES_POSTGRES_URL": url, "MLFLOW_DISABLE_TELEMETRY": "true"}
        get_settings.cache_clear()
        prepare_dagster_home(settings)
        logs = settings.local_home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        kept = servers(settings, url, only)
        say(console, f"PostgreSQL at {url.rsplit('@', 1)[-1]}; logs in {logs}; Ctrl-C stops everything, data stay")
        lost = None
        try:
            for server in kept:
                server.start(logs)
            database = DatabaseWatch(settings, url)
            while not stopping and lost is None:
                lost = look(console, kept, logs, time.monotonic())
                if news := database.look(time.monotonic()):
                    say(console, news)
                time.sleep(LOOK_SECONDS)
        finally:
            if stopping:
                say(console, f"Stopping; this takes up to {GRACE_SECONDS:.0f} s (Ctrl-C again: at once).")
            stop(kept, stopping)
        if lost is None and any(server.key == "daemon" for server in kept):
            forget_daemons(console)
    if lost is not None:
        log = lost.log(logs)
        end = f", so everything was stopped; the end of {log}:\n{tail(log)}"
        say(console, styled((f"{lost.name} cannot be had", "red"), end))
        return 1
    say(console, "All stopped.")
    return 0


def forget_daemons(console: Console) -> None:
    """Forget the signs of life of Dagster's daemons, which were stopped on purpose: nobody should miss them."""
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with dg.DagsterInstance.get() as instance:
            instance.wipe_daemon_heartbeats()
    except SQLAlchemyError as error:
        say(console, f"The daemon's signs of life stay, so it will be missed: {str(error).splitlines()[0]}")


def look(console: Console, kept: Sequence[Server], logs: Path, now: float) -> Server | None:
    """Say who has become ready, start again who has ended; returns a server that everything needs and is given up."""
    for server in kept:
        if server.process is None:
            if now >= server.start_again_at:
                server.start(logs)
        elif (code := server.process.poll()) is not None:
            server.stop_group()
            server.restarts = server.restarts.after_end(now - server.started_at)
            server.process, server.is_ready = None, False
            if server.essential and server.restarts.hopeless:
                return server
            server.start_again_at = now + server.restarts.pause
            what = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            again = f"starting it again in {server.restarts.pause:.0f} s; log: {server.log(logs)}"
            say(console, styled((f"{server.name} {what}", "yellow"), f"; {again}"))
        elif not server.is_ready and server.answers():
            server.is_ready = True
            say(console, styled(("✓", "green"), f" {server.name} {server.address}".rstrip()))
            if all(other.is_ready for other in kept):
                say(console, "All are up.")
    return None


def stop(kept: Sequence[Server], stopping: Sequence[int] = ()) -> None:
    """SIGTERM to each process group, SIGKILL to what is left after a grace or at a second Ctrl-C."""
    running = [server for server in kept if server.process is not None]
    for server in running:
        server.signal(signal.SIGTERM)
    asked, deadline = len(stopping), time.monotonic() + GRACE_SECONDS
    while any(s.process is not None and s.process.poll() is None for s in running) and time.monotonic() < deadline:
        if len(stopping) > asked:
            break
        time.sleep(0.05)
    for server in running:
        server.signal(signal.SIGKILL)
        if server.process is not None:
            server.process.wait()


def say(console: Console, text: str | Text) -> None:
    """Print one line of the supervisor."""
    console.print(text, soft_wrap=True, highlight=False)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

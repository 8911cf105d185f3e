"""`buddies up`: what ends is started again with growing pauses, and only what everything needs stops everything."""

import io
import os
import signal
import sys
import time

import pytest
from rich.console import Console

from buddies_assets.cli.progressing import Lines
from buddies_assets.cli.restarting import LONGEST_PAUSE, MOST_FAILURES, STEADY_SECONDS, Restarts
from buddies_assets.cli.servers import PORTS, Server, UnknownServerError, servers
from buddies_assets.cli.supervising import look, stop
from buddies_core.http.ports import free_port
from buddies_core.settings import Settings

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_pauses_double_up_to_a_minute():
    count, pauses = Restarts(), []
    for _ in range(8):
        count = count.after_end(lived_seconds=0.1)
        pauses.append(count.pause)
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_server_that_was_steady_begins_anew():
    tired = Restarts(MOST_FAILURES)
    assert tired.hopeless
    assert tired.after_end(STEADY_SECONDS) == Restarts(1)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=160)


def said(console: Console) -> str:
    return console.file.getvalue()


def ended(server: Server) -> None:
    server.process.wait(timeout=20)


def test_a_tracker_that_is_killed_is_started_again_and_the_service_goes_on(console, tmp_path):
    tracker, service = Server("mlflow", "MLflow", SLEEPER), Server("service", "service", SLEEPER, essential=True)
    kept = [tracker, service]
    for server in kept:
        server.start(tmp_path)
    first, untouched = tracker.process.pid, service.process.pid
    os.kill(first, signal.SIGKILL)
    ended(tracker)
    now = time.monotonic()
    assert look(console, kept, tmp_path, now) is None
    assert "MLflow was ended by signal 9; starting it again in 1 s" in said(console)
    assert look(console, kept, tmp_path, now + 0.5) is None
    assert tracker.process is None
    assert look(console, kept, tmp_path, now + 1.0) is None
    assert tracker.process.pid != first
    assert service.process.pid == untouched
    stop(kept)
    assert tracker.log(tmp_path).read_text().count("--- started") == 2


def test_only_what_everything_needs_is_given_up(console, tmp_path):
    hopeless = [sys.executable, "-c", "raise SystemExit('no address: port 70000')"]
    for essential in (False, True):
        server, given_up, now = Server("x", "X", hopeless, essential=essential), None, time.monotonic()
        server.start(tmp_path)
        for _ in range(MOST_FAILURES):
            ended(server)
            given_up = look(console, [server], tmp_path, now)
            if given_up is None:
                look(console, [server], tmp_path, now + LONGEST_PAUSE)
        assert (given_up is server) is essential
        stop([server])


def test_addresses_appear_as_each_server_is_ready(console, tmp_path):
    late, early = Server("late", "Late", SLEEPER, port=1), Server("early", "Early", SLEEPER)
    kept = [late, early]
    for server in kept:
        server.start(tmp_path)
    look(console, kept, tmp_path, time.monotonic())
    assert "✓ Early" in said(console)
    assert "Late" not in said(console)
    stop(kept)


def test_a_log_holds_no_colour_codes(tmp_path):
    painted = [sys.executable, "-c", r"print('\x1b[32m2026\x1b[0m - served')"]
    server = Server("dagster", "Dagster UI", painted, coloured=True)
    server.start(tmp_path)
    ended(server)
    deadline = time.monotonic() + 20
    while "served" not in server.log(tmp_path).read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.log(tmp_path).read_text().splitlines()[-1] == "2026 - served"


def test_progress_without_a_terminal_is_a_line_now_and_then(console):
    now = [0.0]
    lines = Lines(console, clock=lambda: now[0])
    for second in range(26):
        now[0] = second
        lines.advance_to("scores", second, 25)
    assert said(console).splitlines() == [
        "scores: 0 of 25 after 0 s",
        "scores: 10 of 25 after 10 s",
        "scores: 20 of 25 after 20 s",
        "scores: 25 of 25 after 25 s",
    ]


def test_some_servers_can_be_started_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    ports = {name: free_port() for name in PORTS.values()}
    settings, database = Settings(home=str(tmp_path), **ports), "postgresql://b@127.0.0.1:1/buddies"
    assert [s.key for s in servers(settings, database, ["dashboard", "service"])] == ["service", "dashboard"]
    with pytest.raises(UnknownServerError, match=r"no server dashbord; there are: code, dagster, daemon"):
        servers(settings, database, ["dashbord"])

"""The loop as real processes for tests: a service and a Dagster daemon over one PostgreSQL, ended with the block."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def process(command: list[str], folder: Path, name: str) -> Iterator[subprocess.Popen]:
    """A process in a group of its own, with its output in `<name>.log`; the whole group ends with the block."""
    with (folder / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        yield child
    finally:
        end_group(child)


def end_group(child: subprocess.Popen, how: int = signal.SIGTERM) -> None:
    """End a process with all that it started."""
    for sent in (how, signal.SIGKILL):
        try:
            os.killpg(child.pid, sent)
        except ProcessLookupError:
            break
        try:
            child.wait(8)
        except subprocess.TimeoutExpired:
            continue
    child.wait(8)


@contextmanager
def service(folder: Path, port: int) -> Iterator[str]:
    """The recommendation service; its address, once it is ready."""
    with process([sys.executable, "-m", "buddies_serving"], folder, "service"):
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: _ready(url), 30, "the service is ready")
        yield url


def daemon(folder: Path, name: str = "daemon"):
    """Dagster's daemon with the project's workspace."""
    return process([str(BIN / "dagster-daemon"), "run", "-w", str(ROOT / "workspace.yaml")], folder, name)


def wait_for(what: Callable[[], object], seconds: float, name: str) -> object:
    """Wait until `what` is true and return it; raises AssertionError naming what did not come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            log.info("%.1f s until %s", time.monotonic() - deadline + seconds, name)
            return found
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds:.0f} s: {name}")


def _ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/health/ready", timeout=2) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False

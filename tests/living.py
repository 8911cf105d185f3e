"""The loop as real processes for tests: a service and a Dagster daemon over one PostgreSQL, ended with the block."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import dagster as dg

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LAST_LINES = 40


@contextmanager
def process(command: list[str], folder: Path, name: str) -> Iterator[subprocess.Popen]:
    """A process in a group of its own, with its output in `<name>.log`; the whole group ends with the block.

    An error that leaves the block tells the last lines of that output.
    """
    output = folder / f"{name}.log"
    with output.open("ab") as file:
        child = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file, start_new_session=True)
    try:
        yield child
    except BaseException as error:
        last = output.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        error.add_note("\n".join((f"the last lines of {name}'s output:", *last)))
        raise
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
        wait_for(lambda: _ready(url), 120, "the service is ready")
        yield url


def daemon(folder: Path, name: str = "daemon"):
    """Dagster's daemon with the project's workspace."""
    return process([str(BIN / "dagster-daemon"), "run", "-w", str(ROOT / "workspace.yaml")], folder, name)


def wait_for(what: Callable[[], object], seconds: float, name: str, explain: Callable[[], str] = lambda: "") -> object:
    """Wait until `what` is true and return it; raises AssertionError naming what did not come, with an explanation."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            log.info("%.1f s until %s", time.monotonic() - deadline + seconds, name)
            return found
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds:.0f} s: {name}\n{explain()}".rstrip())


def runs_now() -> str:
    """Every run of Dagster's instance, a line each: job, status, when it was made and when it last changed."""
    now = time.time()
    with dg.DagsterInstance.get() as instance:
        lines = [
            f"{record.dagster_run.run_id[:8]} {record.dagster_run.job_name} {record.dagster_run.status.value}, "
            f"made {now - record.create_timestamp.timestamp():.0f} s ago, "
            f"changed {now - record.update_timestamp.timestamp():.0f} s ago"
            for record in instance.get_run_records()
        ]
    return "\n".join(lines) or "no runs"


def _ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/health/ready", timeout=2) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False

"""The load gate: it passes what is well, and fails what is slow, broken, away, or was hardly asked."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from buddies_core.http.ports import free_port
from tests.deploy.machine import DEPLOY

ROW = "load gate: passes, and fails on errors, p99, processor time, too few requests and on its own failures"


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status, pause, cpu = 200, 0.0, 0.0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.pause)
        self.answer(b"[]")

    def do_GET(self) -> None:
        type(self).cpu += 1
        self.answer(b'buddies_build_info{image="sha256:1"} 1.0\nprocess_cpu_seconds_total %f\n' % self.cpu)

    def answer(self, body: bytes) -> None:
        self.send_response(self.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[tuple[str, type[Answering]]]:
    handler = type("Handler", (Answering,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    server.server_close()


def gate(url: str, folder: Path, limits: str = "", *more: str) -> tuple[int, str, list[dict]]:
    """(exit code, output, history) of a short run."""
    (folder / "limits.toml").write_text(
        "[default]\nfewest_requests = 40\nmost_failures = 0.001\np99_ms = 2000\nmore_cpu = 0.25\n" + limits
    )
    history = folder / "history.ndjson"
    short = (
        "--seconds",
        "2",
        "--step-seconds",
        "0.5",
        "--most-rate",
        "60",
        "--thresholds",
        str(folder / "limits.toml"),
    )
    command = [sys.executable, str(DEPLOY / "gate/load.py"), "--url", url, "--history", str(history), *short, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = history.read_text().splitlines() if history.exists() else []
    return done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines]


def test_a_service_that_is_well_passes_and_leaves_a_line(service, tmp_path: Path) -> None:
    code, said, (line,) = gate(service[0], tmp_path)
    assert code == 0 and said.startswith("passed"), said
    assert line["requests"] >= 40 and line["failures"] == 0 and line["image"] == "sha256:1"


def test_errors_fail_it(service, tmp_path: Path) -> None:
    service[1].status = 500
    code, said, (line,) = gate(service[0], tmp_path)
    assert code == 1 and "requests failed" in said and line["verdict"] == "failed"


def test_a_slow_service_fails_it(service, tmp_path: Path) -> None:
    service[1].pause = 0.3
    code, said, _ = gate(service[0], tmp_path, "[local]\np99_ms = 100\n")
    assert code == 1 and "one answer in a hundred" in said


def test_too_few_requests_are_no_pass(service, tmp_path: Path) -> None:
    code, said, _ = gate(service[0], tmp_path, "[local]\nfewest_requests = 100000\n")
    assert code == 1 and "too few to tell" in said


def test_a_service_that_is_away_fails_it(tmp_path: Path) -> None:
    code, said, _ = gate(f"http://127.0.0.1:{free_port()}", tmp_path)
    assert code == 1 and "requests failed" in said


def test_more_processor_time_than_of_late_fails_it(service, tmp_path: Path) -> None:
    for _ in range(3):
        assert gate(service[0], tmp_path)[0] == 0
    line = json.loads((tmp_path / "history.ndjson").read_text().splitlines()[0])
    cheap = [json.dumps({**line, "cpu_us": line["cpu_us"] / 2}) for _ in range(3)]
    (tmp_path / "history.ndjson").write_text("\n".join(cheap) + "\n")
    code, said, _ = gate(service[0], tmp_path)
    assert code == 1 and "µs of processor" in said


def test_somebody_elses_host_is_not_asked(tmp_path: Path) -> None:
    code, said, lines = gate("http://example.org", tmp_path)
    assert (code, lines) == (2, []) and "--i-own-this-host" in said

"""The verdict on a program canary: worse is found, the same is not, and too little is no verdict."""

import importlib.util
import json
import random
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from buddies_core.http.ports import free_port
from tests.deploy.machine import DEPLOY

ROW = "program canary: judged by failures and p99, undecided on too little, never beside a model on trial"
spec = importlib.util.spec_from_file_location("canary", DEPLOY / "canary.py")
canary = importlib.util.module_from_spec(spec)
sys.modules["canary"] = canary
spec.loader.exec_module(canary)
Seen = canary.Seen


def code(stable: tuple, trial: tuple) -> int:
    return canary.verdict(Seen(*stable), Seen(*trial), fewest=1_000, slower=1.5)[0]


@pytest.mark.parametrize(
    ("stable", "trial", "expected"),
    [
        ((90_000, 9, 0.02), (10_000, 1, 0.021), 0),
        ((90_000, 9, 0.02), (10_000, 50, 0.02), 1),
        ((90_000, 9, 0.02), (10_000, 1, 0.09), 1),
        ((90_000, 9, 0.02), (10, 0, 0.02), 2),
        ((90_000, 9, 0.02), (0, 0, float("nan")), 2),
        ((90_000, 9, 0.02), (40, 40, 0.02), 1),
        ((10, 0, 0.02), (10_000, 0, 0.02), 2),
        ((90_000, 0, 0.001), (10_000, 0, 0.004), 0),
    ],
)
def test_a_verdict(stable: tuple, trial: tuple, expected: int) -> None:
    assert code(stable, trial) == expected


def test_a_release_that_is_the_same_is_seldom_called_worse_however_often_one_looks() -> None:
    wrong = 0
    for trial in range(200):
        chance = random.Random(trial)
        stable = Seen(200_000, 200, 0.02)
        failures = 0
        for look in range(1, 101):
            failures += sum(chance.random() < 0.001 for _ in range(100))
            if code((200_000, 200, 0.02), (100 * look, failures, 0.02)) == 1:
                wrong += 1
                break
        assert stable.requests
    # by Ville's inequality at most 1 in 20 each; 200 trials of that stay below 20 with all but certainty
    assert wrong <= 20


def test_a_model_on_trial_leaves_it_undecided() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)["query"][0]
            value = "1" if "challenger" in query else "100000"
            body = json.dumps({"data": {"result": [{"value": [0, value]}]}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = run(f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()
    assert done.returncode == 2 and "a model is on trial" in done.stdout


def test_a_prometheus_that_is_away_leaves_it_undecided() -> None:
    done = run(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 2 and "cannot be asked" in done.stdout


def run(url: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(DEPLOY / "canary.py"), "--prometheus", url]
    return subprocess.run(command, capture_output=True, text=True, check=False)

"""Protection: keys, rates, sizes, and bodies that mean harm."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from buddies_serving.errors import UnsafeBindError
from buddies_serving.keys import Keys, keys_for, new_key
from buddies_serving.rate_limit import RateLimiter
from buddies_serving.settings import ServingSettings

JSON = {"content-type": "application/json"}
RECOMMEND = "/api/playlist/recommend/"
HEAD = f"POST {RECOMMEND} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.fixture
def guarded(make_model: Callable, serve: Callable, tmp_path: Path) -> Callable[..., tuple[Any, dict[str, str]]]:
    """A server that asks for keys, and the headers of a key with the scopes given."""
    make_model()
    path = tmp_path / "keys.json"

    def make(*scopes: Any, days: int = 1, **settings: Any) -> tuple[Any, dict[str, str]]:
        key = new_key(path, f"key-{len(scopes)}", scopes, days=days)
        return serve(api_keys_file=path, **settings), {"authorization": f"Bearer {key}"}

    return make


def test_a_key_is_needed_and_opens_only_its_scopes(guarded: Callable) -> None:
    server, key = guarded("recommend")
    refused = server.post(RECOMMEND, json={"user_ids": [0]})
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert server.post(RECOMMEND, json={"user_ids": [0]}, headers=key).status_code == 200
    assert server.post(RECOMMEND, json={"user_ids": [0]}, headers={"authorization": "Bearer x"}).status_code == 401
    for path in ("/metrics", "/docs", "/openapi.json", "/model"):
        assert server.get(path).status_code == 401
        assert server.get(path, headers=key).status_code == 403
    liked = {"user_id": 0, "like_playlist": 130, "other_playlists": [110]}
    assert server.post("/feedback", json=liked, headers=key).status_code == 403
    for path in ("/", "/static/listener.js", "/health/live", "/health/ready"):
        assert server.get(path).status_code == 200


def test_keys_rotate_without_a_restart(guarded: Callable, tmp_path: Path) -> None:
    server, old = guarded("recommend")
    path = tmp_path / "keys.json"
    new = {"x-api-key": new_key(path, "next", ("recommend",), days=1)}
    deadline = time.monotonic() + 60
    while server.get("/api/users", headers=new).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.get("/api/users", headers=old).status_code == 200
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps({"keys": content["keys"][1:]}))
    while server.get("/api/users", headers=old).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_expired_key_opens_nothing_and_no_key_is_stored_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    expired = new_key(path, "old", ("admin",), days=-1)
    valid = new_key(path, "new", ("admin",), days=None)
    keys = Keys(path)
    assert keys.entry(expired.encode()) is None
    assert keys.entry(valid.encode()).id == "new"
    assert valid not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_key_that_asks_too_often_is_told_when_to_come_back(guarded: Callable) -> None:
    server, key = guarded("recommend", rate_limit=1.0, rate_burst=3.0)
    statuses = [server.get("/api/users", headers=key).status_code for _ in range(5)]
    assert statuses[:3] == [200, 200, 200]
    assert statuses[-1] == 429
    assert server.get("/api/users", headers=key).headers["retry-after"] == "1"


def test_tokens_come_back_with_time() -> None:
    now = [0.0]
    limiter = RateLimiter(2.0, 2.0, clock=lambda: now[0])
    assert [limiter.wait("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert limiter.wait("b") == 0.0
    now[0] = 0.5
    assert [limiter.wait("a"), limiter.wait("a")] == [0.0, 0.5]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_it_does_not_listen_to_others_without_keys_and_says_how(host: str) -> None:
    with pytest.raises(UnsafeBindError, match="new-key"):
        keys_for(ServingSettings(_env_file=None, host=host))
    assert keys_for(ServingSettings(_env_file=None, host="127.0.0.1")) is None


def test_the_command_refuses_to_start_and_says_how(tmp_path: Path) -> None:
    environment = {**os.environ, "BUDDIES_HOST": "0.0.0.0", "BUDDIES_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "buddies_serving"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "BUDDIES_API_KEYS_FILE" in done.stderr


def test_every_answer_is_marked_and_closed_to_frames_and_guessing(server: Any) -> None:
    seen = set()
    for path in ("/", "/health/live", "/nothing", "/static/listener.css", "/docs"):
        headers = server.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
        seen.add(headers["x-request-id"])
    assert len(seen) == 5


HUGE = b'{"user_ids":[' + b"1," * 2_000_000 + b"1]}"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (HUGE, JSON, 413),
        (b"[" * 100_000, JSON, 422),
        (b'{"user_ids":' + b"[" * 50_000 + b"]" * 50_000 + b"}", JSON, 422),
        (b'{"x":' * 20_000 + b"1" + b"}" * 20_000, JSON, 400),
        (b'{"user_ids":[NaN]}', JSON, 400),
        (b'{"user_ids":[Infinity]}', JSON, 400),
        (b'{"user_ids":[1e400]}', JSON, 422),
        (b'{"user_ids":[' + b"9" * 100_000 + b"]}", JSON, 422),
        (b'{"user_ids":[1.5]}', JSON, 422),
        (b"\xff\xfe\x00", JSON, 400),
        (b"null", JSON, 422),
        (b"", JSON, 400),
        (b'{"user_ids":[1]}', {"content-type": "text/plain"}, 415),
        (b'{"user_ids":[1]}', {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b'{"user_ids":[1]}', {}, 415),
    ],
)
@pytest.mark.parametrize("path", [RECOMMEND, "/feedback", "/api/playlist/recommend/batch", "/api/recommend/from-songs"])
def test_harmful_bodies_are_refused_and_cost_no_memory(
    steady: Any, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    answer = steady.post(path, content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    if path == RECOMMEND and body != b"null":
        assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    # the body itself is held by this process too, since the server runs in it
    assert process.memory_info().rss - before < 40 * 2**20


def test_a_list_may_not_be_longer_than_the_call_is_for(steady: Any) -> None:
    answer = steady.post(RECOMMEND, json={"user_ids": [1] * 10_001})
    assert answer.status_code == 422
    assert "user_ids" in answer.json()["detail"]
    assert steady.post("/api/playlist/recommend/batch", json={"user_ids": [1] * 10_001}).status_code == 200


def test_a_body_that_never_ends_is_cut_off_at_the_limit(steady: Any) -> None:
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        connection.sendall(f"{HEAD}transfer-encoding: chunked\r\n\r\n".encode())
        for _ in range(5):
            connection.sendall(b"10000\r\n" + b"1" * 65_536 + b"\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 413")


def test_a_length_that_lies_is_not_waited_for_before_it_is_refused(steady: Any) -> None:
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        head = (
            f"POST {RECOMMEND} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4000000\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 413")


def test_logs_are_json_and_name_no_user(make_model: Callable, tmp_path: Path) -> None:
    make_model()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "BUDDIES_HOME": str(tmp_path), "BUDDIES_PORT": str(port), "BUDDIES_ACCESS_LOG": "all"}
    environment.pop("BUDDIES_POSTGRES_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "buddies_serving"], env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        import httpx

        httpx.get(f"http://127.0.0.1:{port}/api/users/{'3' * 40}/recommendations")
    finally:
        process.terminate()
        _, output = process.communicate(timeout=120)
    entries = [json.loads(line) for line in output.splitlines()]
    requests = [entry for entry in entries if entry["event"] == "request"]
    assert [(entry["route"], entry["status"]) for entry in requests] == [("/api/users/{user_id}/recommendations", 200)]
    assert "3" * 40 not in output

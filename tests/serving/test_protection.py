"""Protection: keys, rates, sizes, and bodies that mean harm."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from buddies_serving.errors import UnsafeBindError
from buddies_serving.http.guard import Guard
from buddies_serving.http.keys import KeyEntry, Keys, keys_for, new_key, revoke_key
from buddies_serving.http.rate_limit import RateLimiter
from buddies_serving.main import create_app
from buddies_serving.settings import ServingSettings

JSON = {"content-type": "application/json"}
RECOMMEND = "/api/playlist/recommend/"
HEAD = f"POST {RECOMMEND} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


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


def test_what_a_key_asks_for_counts_by_its_cost(guarded: Callable) -> None:
    server, key = guarded("recommend", rate_limit=1.0, rate_burst=3.0)
    batch = {"user_ids": [0] * 1_000, "k": 5}
    assert server.post("/api/playlist/recommend/batch", json=batch, headers=key).status_code == 200
    answer = server.get("/api/users", headers=key)
    # 1 for the request, 5,000 / 500 for the playlists, of a burst of 3
    assert (answer.status_code, 8 <= int(answer.headers["retry-after"]) <= 10) == (429, True)


def test_a_key_without_a_zone_expires_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        entry = KeyEntry("k", "0" * 64, ("admin",), expires=datetime(2026, 1, 1, 12))
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
        assert (entry.is_valid(noon - 1), entry.is_valid(noon + 1)) == (True, False)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize("damage", ["deleted", "broken", "emptied"])
def test_without_a_key_file_no_key_is_in_force_and_readiness_says_so_steadily(
    guarded: Callable, tmp_path: Path, damage: str
) -> None:
    server, key = guarded("recommend")
    path = tmp_path / "keys.json"
    content = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    else:
        path.write_text("{" if damage == "broken" else '{"keys":[]}')
    deadline = time.monotonic() + 60
    while server.get("/api/users", headers=key).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for _ in range(20):
        ready = server.get("/health/ready")
        assert (ready.status_code, ready.json()["problems"]) == (503, ["the API keys cannot be read"])
        time.sleep(0.01)
    path.write_bytes(content)
    while server.get("/api/users", headers=key).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_whoever_may_read_the_keys_may_read_them_after_a_change(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    new_key(path, "first", ("admin",), days=None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # a folder that is closed, in it a file that a container of another user reads
    path.chmod(0o444)
    new_key(path, "second", ("recommend",), days=None)
    assert revoke_key(path, "first") == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_a_key_can_be_taken_away_by_a_command(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    kept = new_key(path, "kept", ("admin",), days=None)
    gone = new_key(path, "gone", ("admin",), days=None)
    command = [sys.executable, "-m", "buddies_serving", "revoke-key", "--file", str(path), "--name", "gone"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "1 of gone revoked")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    keys = Keys(path)
    assert (keys.entry(gone.encode()), keys.entry(kept.encode()).id) == (None, "kept")


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_a_rate_that_means_nothing_is_refused(tmp_path: Path, rate: str) -> None:
    command = [sys.executable, "-m", "buddies_serving", "new-key", "--file", str(tmp_path / "keys.json")]
    command += ["--name", "a", "--scope", "recommend", "--rate", rate]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "revoke-key" in done.stderr, len(done.stderr.splitlines())) == (2, True, 1)


def test_what_is_wrong_is_told_in_full_to_an_administrator_alone(guarded: Callable, tmp_path: Path) -> None:
    server, key = guarded("admin")
    (warning,) = server.get("/health/ready").json()["warnings"]
    assert warning == "feedback goes to the spool"
    (warning,) = server.get("/health/ready", headers=key).json()["warnings"]
    assert "BUDDIES_POSTGRES_URL" in warning
    ((tmp_path / "served_model") / "current.json").write_text("nonsense")
    deadline = time.monotonic() + 60
    while len(server.get("/health/ready").json()["warnings"]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert str(tmp_path) not in server.get("/health/ready").text
    assert str(tmp_path) in server.get("/health/ready", headers=key).text


EVIL_HOSTS = [
    "evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "[::2]",
    "x@localhost",
]


@pytest.mark.parametrize("host", EVIL_HOSTS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/model"), ("POST", RECOMMEND), ("POST", "/feedback"), ("GET", "/")]
)
def test_a_name_that_was_bent_to_this_machine_reads_and_does_nothing(
    steady: Any, host: str, method: str, path: str
) -> None:
    body = {"user_id": 0, "like_playlist": 130, "other_playlists": [110], "user_ids": [0]}
    answer = steady.request(method, path, headers={"host": host}, json=None if method == "GET" else body)
    assert answer.status_code == 400
    assert "BUDDIES_ALLOWED_HOSTS" in answer.json()["detail"]
    assert steady.service.writer.spool.size == 0


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:8000", "[::1]:8000", "localhost."]
)
def test_every_name_of_this_machine_is_answered(steady: Any, host: str) -> None:
    assert steady.get("/model", headers={"host": host}).status_code == 200


def test_other_names_can_be_allowed(make_model: Callable, serve: Callable) -> None:
    make_model()
    server = serve(allowed_hosts="buddies.example, other.example")
    assert server.get("/model", headers={"host": "buddies.example:443"}).status_code == 200
    assert server.get("/model", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://localhost.evil.example", "file://localhost"]
)
def test_a_page_of_another_site_may_post_nothing(steady: Any, origin: str) -> None:
    for path in (RECOMMEND, "/feedback"):
        answer = steady.post(path, json={"user_ids": [0]}, headers={"origin": origin})
        assert answer.status_code == 403
    own = {"origin": f"http://127.0.0.1:{steady.port}"}
    assert steady.post(RECOMMEND, json={"user_ids": [0]}, headers=own).status_code == 200


@pytest.mark.parametrize("hosts", ["", "host: localhost\r\nhost: localhost\r\n", "host:\r\n"])
def test_a_request_names_one_host(steady: Any, hosts: str) -> None:
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        connection.sendall(f"GET /model HTTP/1.1\r\n{hosts}\r\n".encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "path", ["/", "/health/live", "/health/ready", "/model", "/docs", "/static/listener.css", "/nothing"]
)
def test_head_is_get_without_the_body(steady: Any, path: str) -> None:
    got, asked = steady.get(path), steady.head(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert asked.headers["content-length"] == got.headers["content-length"]
    assert asked.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("path", ["/%00", "/static/%00", "/api/playlists/%00", "/api/users/%00/recommendations"])
def test_a_nul_in_a_path_is_the_callers_mistake(steady: Any, path: str) -> None:
    assert steady.get(path).status_code == 400


@pytest.mark.parametrize("framing", [b"content-length: 900", b"transfer-encoding: chunked"], ids=["length", "chunked"])
def test_a_request_that_its_caller_cut_off_is_not_acted_on(steady: Any, framing: bytes) -> None:
    body = b'{"user_id":0,"like_playlist":130,"other_playlists":[110]}'
    sent = body if b"length" in framing else b"%x\r\n%b\r\n" % (len(body), body)
    head = b"POST /feedback HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    answered = steady.service.metrics.route("/feedback").statuses.get(499, 0)
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        connection.sendall(head + framing + b"\r\n\r\n" + sent)
        time.sleep(0.05)
    deadline = time.monotonic() + 60
    while steady.service.metrics.route("/feedback").statuses.get(499, 0) == answered:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert steady.service.metrics.feedback_accepted == 0
    assert steady.service.writer.spool.size == 0


def test_one_large_batch_holds_nobody_up_and_ends_with_its_caller(make_model: Callable, serve: Callable) -> None:
    make_model()
    server = serve()
    body = json.dumps({"user_ids": [0, 99] * 100_000, "k": 50}).encode()
    head = b"POST /api/playlist/recommend/batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        before = sum(server.service.usage.pending.values())
        for _ in range(50):
            assert server.recommend(0)
        meanwhile = sum(server.service.usage.pending.values()) - before
    # fifty requests were answered, and the batch was far from done
    assert meanwhile < 150_000
    deadline = time.monotonic() + 20
    while server.service.batches.held:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    served = sum(server.service.usage.pending.values())
    assert served < 200_000
    time.sleep(0.2)
    assert sum(server.service.usage.pending.values()) == served


def test_many_lists_of_the_long_way_take_turns(make_model: Callable, serve: Callable) -> None:
    make_model()
    server = serve()
    users = [99, 0] * 5_000
    assert answered_meanwhile(server, lambda: server.recommend(*users)) > 10
    assert [entry["playlists"] for entry in server.recommend(*users)[:2]] == [
        [150, 120, 100, 110, 170],
        [130, 110, 140, 150, 120],
    ]


@pytest.mark.parametrize("text", ["(" * 500, "([{" * 166, "x" + " " * 498 + "y", "(feat. " * 71, "a - " * 125])
def test_songs_of_any_text_take_turns(steady: Any, text: str) -> None:
    songs = [{"title": text[:500], "artist": text[:500]}] * 240
    assert answered_meanwhile(steady, lambda: steady.post("/api/recommend/from-songs", json={"songs": songs})) > 2


def test_a_text_that_grows_eighteenfold_when_it_is_folded_is_no_song(steady: Any) -> None:
    songs = [{"title": "\ufdfa" * 500, "artist": "Cy"}]
    assert steady.post("/api/recommend/from-songs", json={"songs": songs}).json()["unknown"] == [0]


def answered_meanwhile(server: Any, work: Callable[[], Any]) -> int:
    """How many requests of another caller were answered while the server did some work for one."""
    working = threading.Thread(target=work, daemon=True)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        working.start()
        answered = 0
        while working.is_alive():
            connection.sendall(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            answer = connection.recv(65_536)
            while not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200")
            answered += 1
    return answered


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
        head = f"{HEAD}content-length: 4000000\r\n\r\n"
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


def test_an_answer_that_breaks_off_counts_as_a_failure_whatever_its_first_line_said(tmp_path):
    async def breaks_off(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("the second half is missing")

    settings = ServingSettings(home=str(tmp_path))
    service = create_app(settings).service
    guard = Guard(breaks_off, service, settings.front(set()))
    sent = []

    async def call():
        async def receive():
            return {"type": "http.request", "body": b""}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/half", "headers": [(b"host", b"localhost")]}
        await guard({**scope, "query_string": b"", "scheme": "http", "client": ("127.0.0.1", 1)}, receive, send)

    asyncio.run(call())
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert b'status="500"' in next(
        line for line in service.metrics.render().splitlines() if b'route="unmatched"' in line
    )

"""The fast path answers as the general path does, and keeps off whatever is not plain."""

import contextlib
import re
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_serving.http.fast_path import plain_head
from buddies_serving.http.keys import new_key

PATH = "/api/playlist/recommend/"
BODY = b'{"user_ids":[0]}'
PLAIN = {"host": "localhost", "content-type": "application/json"}


def request(body: bytes = BODY, *, path: str = PATH, method: str = "POST", **headers: str) -> bytes:
    named = {**PLAIN, "content-length": str(len(body)), **{name.replace("_", "-"): v for name, v in headers.items()}}
    lines = [f"{name}: {value}" for name, value in named.items() if value != "absent"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body


@pytest.fixture(scope="module")
def exchange() -> Callable[..., bytes]:
    """Sends pieces on one connection and reads that many answers (or to the end)."""

    def send(server: Any, pieces: list[bytes], answers: int = 1) -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            received = b""
            for piece in pieces:
                connection.sendall(piece)
            while not _complete(received, answers):
                part = connection.recv(65_536)
                if not part:
                    break
                received += part
        return received

    return send


def _complete(received: bytes, answers: int) -> bool:
    for _ in range(answers):
        head, end, rest = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not end or length is None or len(rest) < int(length[1]):
            return False
        received = rest[int(length[1]) :]
    return True


def bare(answer: bytes) -> bytes:
    """An answer without the ids of the request and of the showing."""
    without = re.sub(rb'"?[0-9a-f]{10}-[0-9a-f]+"?', b"", answer)
    return re.sub(rb"(x-recommendation-id: [abm]\.)[0-9a-f]{28}", rb"\1", without)


@pytest.fixture
def lanes(make_model: Callable, serve: Callable, tmp_path: Any) -> tuple[Any, Any]:
    """The same model with the lane and without it."""
    make_model()
    return serve(), serve(fast_path=False, spool_dir=tmp_path / "second-spool")


REQUESTS = {
    "plain": [request()],
    "several users": [request(b'{"user_ids":[3,99,0]}')],
    "kept alive": [request(connection="keep-alive"), request(b'{"user_ids":[1]}', connection="Keep-Alive")],
    "to be closed": [request(connection="close")],
    "invalid field": [request(b'{"user_ids":[-1]}')],
    "no JSON": [request(b"{")],
    "empty": [request(b"")],
    "other type": [request(content_type="text/plain")],
    "type with charset": [request(content_type="application/json; charset=utf-8")],
    "other path first": [request(b"", path="/health/live", method="GET"), request()],
    "feedback first": [request(b"{}", path="/feedback"), request()],
    "looks like a request inside a body": [request(request()), request()],
    "pipelined": [request() + request(b'{"user_ids":[1]}') + request(b'{"user_ids":[2]}')],
    "chunked": [
        request(b"", content_length="absent", transfer_encoding="chunked") + b"10\r\n" + BODY + b"\r\n0\r\n\r\n",
        request(),
    ],
}


@pytest.mark.parametrize("pieces", REQUESTS.values(), ids=REQUESTS.keys())
def test_both_lanes_answer_alike(lanes: tuple[Any, Any], exchange: Callable, pieces: list[bytes]) -> None:
    answers = sum(piece.count(b" HTTP/1.1\r\n") for piece in pieces)
    if pieces is REQUESTS["looks like a request inside a body"]:
        answers = 2
    with_lane, without = (bare(exchange(server, pieces, answers)) for server in lanes)
    assert with_lane == without
    assert with_lane.startswith(b"HTTP/1.1 ")


@settings(deadline=None, max_examples=60)
@given(cuts=st.lists(st.integers(1, 400), max_size=4), users=st.lists(st.integers(0, 8), min_size=1, max_size=3))
def test_where_the_bytes_are_cut_makes_no_difference(
    steady: Any, exchange: Callable, cuts: list[int], users: list
) -> None:
    stream = b"".join(request(b'{"user_ids":[%d]}' % user) for user in users)
    places = sorted({cut for cut in cuts if cut < len(stream)})
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    answer = exchange(steady, pieces, len(users))
    assert re.findall(rb'"user_id":(\d+)', answer) == [b"%d" % user for user in users]


@pytest.mark.parametrize(
    "line",
    [
        b"content-length: 16",
        b"content-length : 16",
        b"transfer-encoding: chunked",
        b"expect: 100-continue",
        b"connection: upgrade",
        b" folded: yes",
        b"x: a\nb: c",
        b"x: a\x00",
        b"x: \xff",
        b"no colon",
        b"x\ty: 1",
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_left_to_the_parser(line: bytes) -> None:
    head = request().partition(b"\r\n\r\n")[0]
    assert plain_head(head) is not None
    assert plain_head(head + b"\r\n" + line) is None


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999", "١٦"])
def test_a_length_that_is_no_short_number_is_left_to_the_parser(length: str) -> None:
    lines = [f"POST {PATH} HTTP/1.1", "host: localhost", "content-type: application/json", f"content-length: {length}"]
    assert plain_head("\r\n".join(lines).encode()) is None


def test_the_lane_asks_for_keys_and_counts(
    make_model: Callable, serve: Callable, exchange: Callable, tmp_path: Any
) -> None:

    make_model()
    key = new_key(tmp_path / "keys.json", "k", ("recommend",), days=1)
    server = serve(api_keys_file=tmp_path / "keys.json")
    assert exchange(server, [request()]).startswith(b"HTTP/1.1 401 ")
    assert exchange(server, [request(authorization=f"Bearer {key}")]).startswith(b"HTTP/1.1 200 ")
    assert server.service.metrics.routes[PATH].statuses == {401: 1, 200: 1}


def short_times(monkeypatch: pytest.MonkeyPatch, server: Any, **limits: float) -> None:
    """Every phase of a connection to the server takes a tenth of a second at most."""
    monkeypatch.setattr(server.config, "timeout_keep_alive", 0.1)
    seconds = dict.fromkeys(("head_seconds", "body_seconds", "write_seconds"), 0.1) | limits
    server.get("/health/live")
    (connections,) = {connection.all for connection in server.connections}
    monkeypatch.setattr(connections, "limits", replace(connections.limits, **seconds))


ANSWERED = request(b"", path="/health/live", method="GET")


HEAD = b"POST /feedback HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
NEVER_ENDING = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "half a line": b"POST /feed",
    "half a second head": ANSWERED + b"POST /x HTTP/1.1\r\nx: ",
    "an empty line after an answer": ANSWERED + b"\r\n",
    "a body that does not come": HEAD,
    "a body cut short": HEAD + b"{}",
    "a chunk that does not come": HEAD.replace(b"content-length: 9", b"transfer-encoding: chunked") + b"5\r\n{",
    "a body to a path that is not": HEAD.replace(b"/feedback", b"/nothing"),
    "a body that is asked for": HEAD.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"),
    "a head of the fast lane": b"POST /api/playlist/recommend/ HTTP/1.1\r\nhost: localhost\r\n",
}


@pytest.mark.parametrize("sent", NEVER_ENDING.values(), ids=NEVER_ENDING.keys())
def test_a_caller_who_does_not_go_on_is_not_waited_for(
    steady: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    short_times(monkeypatch, steady)
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        connection.sendall(sent)
        _read_to_the_end(connection)


def test_a_byte_now_and_then_does_not_keep_a_connection(steady: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    short_times(monkeypatch, steady)
    for byte in (b"a", b"\r\n"):
        address = ("127.0.0.1", steady.port)
        with socket.create_connection(address, timeout=30) as connection, pytest.raises(OSError):
            for _ in range(200):
                connection.sendall(byte)
                time.sleep(0.1)


def test_a_caller_who_does_not_read_is_cut_off(steady: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    short_times(monkeypatch, steady)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", steady.port))
        many = request(b'{"user_ids":[%b0]}' % (b"0," * 9_999))
        connection.settimeout(30)
        with pytest.raises(OSError):
            while True:
                connection.sendall(many)


def test_a_head_without_end_is_refused_and_costs_no_time(steady: Any) -> None:
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * (32 << 20))
        answer = _read_to_the_end(connection)
    assert not answer or answer.startswith(b"HTTP/1.1 431 ")
    assert time.perf_counter() - began < 2


def test_who_holds_connections_open_keeps_nobody_out(make_model: Callable, serve: Callable) -> None:
    make_model()
    server = serve(max_connections=20)
    kept = server.recommend(0)
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(60)]
    for connection in held:
        connection.sendall(b"POST /feedback HTTP/1.1\r\nx: ")
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(request())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    # whoever was answered before is not the one to go
    assert server.recommend(0) == kept
    assert len(server.connections) <= 21
    for connection in held:
        connection.close()


def _read_to_the_end(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            received += part
    return received


def test_a_connection_that_is_used_stays_open(steady: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady.config, "timeout_keep_alive", 1.5)
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        for turn in range(10):
            connection.sendall(request() if turn % 3 else request(b"", path="/health/live", method="GET"))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            time.sleep(0.3)
        assert _read_to_the_end(connection) == b""

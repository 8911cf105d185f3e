"""The express lane answers as the general path does, and keeps off whatever is not plain."""

import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_serving.express import ExpressProtocol, plain_head
from buddies_serving.keys import new_key

PATH = "/api/playlist/recommend/"
BODY = b'{"user_ids":[0]}'
PLAIN = {"host": "x", "content-type": "application/json"}


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
    """An answer without the id of the request."""
    return re.sub(rb'"?[0-9a-f]{10}-[0-9a-f]+"?', b"", answer)


@pytest.fixture
def lanes(make_model: Callable, serve: Callable, tmp_path: Any) -> tuple[Any, Any]:
    """The same model with the lane and without it."""
    make_model()
    return serve(), serve(express=False, spool_dir=tmp_path / "second-spool")


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
    lines = [f"POST {PATH} HTTP/1.1", "host: x", "content-type: application/json", f"content-length: {length}"]
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


ANSWERED = request(b"", path="/health/live", method="GET")


@pytest.mark.parametrize("sent", [b"", b"POST /feed", ANSWERED + b"POST /x HTTP/1.1\r\nx: "])
def test_a_caller_who_says_nothing_or_half_a_head_is_not_waited_for(
    steady: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(ExpressProtocol, "head_seconds", 0.1)
    monkeypatch.setattr(steady.config, "timeout_keep_alive", 0.1)
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        connection.sendall(sent)
        while connection.recv(65_536):
            pass


def test_a_connection_that_is_used_stays_open(steady: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady.config, "timeout_keep_alive", 1.0)
    with socket.create_connection(("127.0.0.1", steady.port), timeout=30) as connection:
        for turn in range(6):
            connection.sendall(request() if turn % 3 else request(b"", path="/health/live", method="GET"))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            time.sleep(0.3)
        assert connection.recv(65_536) == b""

"""The gate: what comes from this machine's own pages passes, what comes from elsewhere does not."""

import asyncio
from typing import Any

import pytest

from buddies_core.http.gate import Gate
from buddies_core.http.hosts import AllowedHosts, host_name

OWN = [(b"host", b"127.0.0.1:3000")]


async def _application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["method"].encode()})


GATE = Gate(_application, AllowedHosts([]), orders_in_query={"/graphql": b"query"})


def ask(headers: list[tuple[bytes, bytes]], *, path: str = "/graphql", method: str = "POST", query: bytes = b"") -> Any:
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}
    return _messages(scope)[0]["status"]


def _messages(scope: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(GATE(scope, None, send))  # type: ignore[arg-type]
    return sent


def test_pages_of_this_machine_and_tools_without_a_page_pass() -> None:
    assert ask(OWN) == 200
    assert ask([(b"host", b"localhost:3000"), (b"origin", b"http://localhost:3000")]) == 200
    assert ask([(b"host", b"[::1]:3000"), (b"origin", b"http://[::1]:3000")]) == 200


@pytest.mark.parametrize("headers", [[(b"host", b"evil.example")], [], [*OWN, *OWN], [(b"host", b"")]])
def test_another_name_passes_nowhere(headers: list) -> None:
    assert ask(headers) == 400


@pytest.mark.parametrize("origin", [b"http://evil.example", b"null", b"http://127.0.0.1.evil.example", b""])
def test_a_page_of_another_site_passes_nowhere(origin: bytes) -> None:
    assert ask([*OWN, (b"origin", origin)]) == 403


@pytest.mark.parametrize("query", [b"query=mutation%7B", b"variables=1&query={a}", b"qu%65ry=x", b"%71uery=mutation"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
def test_an_order_in_an_address_is_refused(query: bytes, method: str, path: str) -> None:
    assert ask(OWN, method=method, query=query, path=path) == 405


def test_reading_a_page_is_not_an_order() -> None:
    assert ask(OWN, method="GET") == 200
    assert ask(OWN, method="GET", path="/runs", query=b"query=x") == 200


def test_a_websocket_of_another_site_is_closed() -> None:
    scope = {"type": "websocket", "path": "/graphql", "query_string": b"", "headers": OWN}
    assert _messages(scope) == [{"type": "websocket.accept"}]
    closed = [{"type": "websocket.close", "code": 1008}]
    assert _messages(scope | {"headers": [*OWN, (b"origin", b"http://evil.example")]}) == closed
    assert _messages(scope | {"headers": [(b"host", b"evil.example")]}) == closed


@pytest.mark.parametrize(("path", "query"), [("/a\x00", b""), ("/", b"name=%00"), ("/", b"name=a\x00")])
def test_a_nul_in_an_address_is_refused(path: str, query: bytes) -> None:
    assert ask(OWN, path=path, query=query) == 400


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"Example.ORG:80", "example.org"),
        (b"example.org.", "example.org"),
        (b"[::1]:80", "::1"),
        (b"[::1]", "::1"),
        (b"a:b", ""),
        (b"a:80:80", ""),
        (b"a:999999", ""),
        (b"[::1", ""),
        (b"", ""),
    ],
)
def test_the_name_in_a_host_header(header: bytes, name: str) -> None:
    assert host_name(header) == name

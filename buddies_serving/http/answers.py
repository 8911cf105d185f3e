"""Answers on their way to a caller: finished ones, problems, and the headers that every one of them has."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from buddies_serving.http.problems import MEDIA_TYPE, Problem

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
Headers = dict[bytes, bytes]

JSON = (b"content-type", b"application/json")
_SAFE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SAFE_LINES = b"".join(b"%b: %b\r\n" % header for header in _SAFE)


class Answer(NamedTuple):
    """A finished answer of a fast handler."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


FastHandler = Callable[[bytes, Headers], Answer | Awaitable[Answer]]


def as_answer(problem: Problem, request_id: bytes) -> Answer:
    """A problem as the answer that tells it, with the id to look for in the log."""
    extra = tuple((name.encode(), value.encode()) for name, value in problem.headers)
    kind = (b"content-type", MEDIA_TYPE.encode())
    return Answer(problem.status, (kind, *extra), problem.body(request_id.decode()))


class Begun:
    """The way back to the caller: adds the headers that every answer has, and remembers the status."""

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self.request_id = request_id
        self.status = 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name for name, _ in headers}
            headers += [header for header in _SAFE if header[0] not in present]
            headers.append((b"x-request-id", self.request_id))
            message["headers"] = headers
        await self._send(message)

    async def send_answer(self, answer: Answer) -> None:
        self.status = answer.status
        length = (b"content-length", b"%d" % len(answer.body))
        headers = [*answer.headers, length, *_SAFE, (b"x-request-id", self.request_id)]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    async def send_problem(self, problem: Problem) -> None:
        await self.send_answer(as_answer(problem, self.request_id))

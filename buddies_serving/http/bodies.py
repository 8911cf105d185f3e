"""Bodies of requests, read whole and refused as soon as they are too large."""

from collections.abc import MutableMapping
from typing import Any

from buddies_serving.http.answers import Receive
from buddies_serving.http.problems import Problem


class CallerGoneError(Exception):
    """The caller left before the request was whole: nothing may be done on its account."""


async def whole(receive: Receive, limit: int) -> bytes:
    """All of a body that is still arriving.

    Raises:
        Problem: it is longer than `limit` bytes.
        CallerGoneError: the caller left first.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return within(message.get("body", b""), limit)
    chunks, size = [], 0
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    raise CallerGoneError


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, and then whatever comes."""
    given = False

    async def replayed() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def within(body: bytes, limit: int) -> bytes:
    """A body that is there already, if it is not longer than `limit` bytes."""
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> Problem:
    """What a longer body is refused with; the connection ends, since the rest of it is not read."""
    return Problem(413, f"The body may have {limit} bytes at most.", headers=(("connection", "close"),))

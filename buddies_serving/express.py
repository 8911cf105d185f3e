"""The express lane: the contract's call, answered where its bytes arrive.

Ranking is a look-up of 3 µs, while a general HTTP stack spends ten times that on the parser's callbacks, an ASGI scope,
a task and two messages. A request that is plain in every way (whole in one read, known headers only once, a length and
no coding) is answered at once; whatever is not goes to uvicorn's own protocol, untouched, before anything of it was
consumed. So there is one meaning of a request: this lane only takes those on which nobody could disagree.
"""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from buddies_serving.guard import EXPRESS_PATH, Guard, Headers

_START = f"POST {EXPRESS_PATH} HTTP/1.1\r\n".encode()
_LINE = re.compile(rb"^([A-Za-z0-9-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?[ \t]*$")
_HINDERING = frozenset(
    {b"transfer-encoding", b"connection", b"upgrade", b"expect", b"trailer", b"te", b"http2-settings"}
)
_LONGEST_HEAD = 2_048
_HEADS_KEPT = 1_024
Head = tuple[int, Headers]


class ExpressProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the express lane before it. Needs a Guard as the application, not wrapped in anything."""

    head_seconds = 10.0
    # clients repeat their headers, so that a head is understood once
    _heads: dict[bytes, Head | None] = {}  # noqa: RUF012

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._guard = self.app if isinstance(self.app, Guard) else None
        self._inside = False
        self._answered_at = 0.0
        self._looks_back = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there; one who says nothing is not waited for longer than one who has been answered."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        self._head_is_whole()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answers a plain request, or hands the bytes on."""
        if not self._inside and self._guard is not None and data.startswith(_START) and self._is_idle():
            end = data.find(b"\r\n\r\n")
            if 0 < end <= _LONGEST_HEAD:
                head = data[:end]
                known = self._heads[head] if head in self._heads else self._remember(head)
                if known and len(data) == end + 4 + known[0]:
                    self.transport.write(self._guard.express(known[1], data[end + 4 :]))
                    self.server_state.total_requests += 1
                    self._stay_open()
                    return
        self._looks_back = False
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request began in the general parser: until its end no byte is the start of another."""
        self._inside = True
        self._head_timer = self.loop.call_later(self.head_seconds, self.timeout_keep_alive_handler)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole; the guard gives the body a time of its own."""
        self._head_is_whole()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The parser is between requests again."""
        super().on_message_complete()
        self._inside = False

    def _head_is_whole(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _is_idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _remember(self, head: bytes) -> Head | None:
        if len(self._heads) >= _HEADS_KEPT:
            self._heads.clear()
        known = self._heads[bytes(head)] = plain_head(head)
        return known

    def _stay_open(self) -> None:
        # one timer looks back, instead of one made and cancelled for each request
        self._answered_at = self.loop.time()
        if not self._looks_back or self.timeout_keep_alive_task is None:
            self._unset_keepalive_if_required()
            self._looks_back = True
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        rest = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if rest > 0:
            self.timeout_keep_alive_task = self.loop.call_later(rest, self._close_if_idle)
        else:
            self.timeout_keep_alive_task = None
            self.timeout_keep_alive_handler()


def plain_head(head: bytes) -> Head | None:
    """(length of the body, headers) of a head without anything that could be read in two ways; else None."""
    headers: Headers = {}
    for line in head.split(b"\r\n")[1:]:
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        name = match[1].lower()
        if name in headers or name in _HINDERING:
            return None
        headers[name] = match[2] or b""
    length = headers.get(b"content-length", b"")
    if not length.isdigit() or len(length) > 6 or not headers.get(b"host"):
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    if headers.get(b"content-type") != b"application/json":
        return None
    return int(length), headers

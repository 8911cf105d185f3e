"""Connections that do not wait for ever: a uvicorn protocol with a time for every phase and a limit of their number.

One look a second goes over all connections, so that a request costs two assignments and no timer. When the server is
full, a newcomer takes the place of the connection that has waited longest without ever sending a whole request: those
who hold connections open keep nobody out.
"""

import asyncio
import logging
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from buddies_core.http.hosts import is_loopback

logger = logging.getLogger("buddies.connections")

WAITING, HEAD, BODY, ANSWERING = range(4)
_PHASES = ("waiting for a request", "head", "body", "answer")
_PIECE = 16_384
_BUSY = b'{"type":"about:blank","title":"Not available at the moment","status":503,"detail":"Too many connections."}'
_REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\n%b" % (len(_BUSY), _BUSY)
)
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_FILES_KEPT = 96
"""File descriptors that are kept for everything that is not a caller: models, the spool, the database."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Seconds of each phase, and how many connections there may be; an address is counted where it is not loopback.

    The time between two requests is uvicorn's own `timeout_keep_alive`.
    """

    head_seconds: float = 10.0
    body_seconds: float = 20.0
    write_seconds: float = 20.0
    head_bytes: int = 16_384
    most: int = 2_000
    most_of_an_address: int = 200


class Connections:
    """All connections of one server."""

    def __init__(self, limits: ConnectionLimits, loop: asyncio.AbstractEventLoop) -> None:
        self.limits = limits
        self.most = min(limits.most, _file_limit() - _FILES_KEPT)
        self.dropped: Counter[str] = Counter()
        self._loop = loop
        self._untold: Counter[str] = Counter()
        self._strangers: dict[PatientProtocol, None] = {}
        self._known: dict[PatientProtocol, None] = {}
        self._addresses: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._strangers) + len(self._known)

    def admit(self, connection: "PatientProtocol") -> bool:
        """Takes a newcomer in, if need be in the place of another; False: it is refused."""
        address = connection.address
        if address and self._addresses[address] >= self.limits.most_of_an_address:
            self.drop(None, "too many connections of one address")
            return False
        if len(self) >= self.most and not self._make_room():
            self.drop(None, "too many connections, all at work")
            return False
        self._strangers[connection] = None
        if address:
            self._addresses[address] += 1
        if self._timer is None:
            self._timer = self._loop.call_later(1.0, self._look)
        return True

    def answered(self, connection: "PatientProtocol") -> None:
        """A connection that has sent a whole request is nobody who merely holds a place."""
        if connection.stranger and connection in self._strangers:
            connection.stranger = False
            del self._strangers[connection]
            self._known[connection] = None

    def forget(self, connection: "PatientProtocol") -> None:
        """A connection has ended."""
        here = self._strangers if connection in self._strangers else self._known
        if connection in here:
            del here[connection]
            if connection.address:
                self._addresses[connection.address] -= 1
                if not self._addresses[connection.address]:
                    del self._addresses[connection.address]

    def drop(self, connection: "PatientProtocol | None", reason: str) -> None:
        """Ends a connection at once, and counts why."""
        self.dropped[reason] += 1
        self._untold[reason] += 1
        if connection is not None:
            connection.transport.abort()

    def _make_room(self) -> bool:
        waiting = next((stranger for stranger in self._strangers if stranger.phase != ANSWERING), None)
        if waiting is None:
            idle = [known for known in self._known if known.phase != ANSWERING]
            waiting = min(idle, key=lambda known: known.since, default=None)
        if waiting is None:
            return False
        self.drop(waiting, "its place was given to another")
        self.forget(waiting)
        return True

    def _look(self) -> None:
        now = self._loop.time()
        for connection in [*self._strangers, *self._known]:
            reason = connection.overdue(now)
            if reason:
                self.drop(connection, reason)
        if self._untold:
            logger.warning("connections ended", extra={"reasons": dict(self._untold), "open": len(self)})
            self._untold.clear()
        self._timer = self._loop.call_later(1.0, self._look) if len(self) else None


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, not patient without end; the application's `limits`, if it has any, are its limits."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.all = _connections_of(self)
        self.phase = WAITING
        self.since = self.loop.time()
        self.stranger = True
        self.address = ""
        self._blocked_since: float | None = None
        self._closing_since: float | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there; one who says nothing is not waited for longer than one who has been answered."""
        super().connection_made(transport)  # type: ignore[arg-type]
        peer = self.client[0] if self.client else ""
        self.address = "" if is_loopback(peer) else peer
        if not self.all.admit(self):
            self.transport.write(_REFUSED)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        self.all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hands bytes to the parser, in pieces, and no more of a head than its limit."""
        if len(data) <= _PIECE:
            self._feed(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), _PIECE):
            if self.transport.is_closing() or self.parser is None:
                return
            self._feed(bytes(view[start : start + _PIECE]))

    def _feed(self, data: bytes) -> None:
        # whatever is neither body nor the end of a head is a head that goes on: the parser itself knows no limit
        self._unread += len(data)
        super().data_received(data)
        if self._unread > self.all.limits.head_bytes and not self.transport.is_closing():
            self.all.drop(None, "head too large")
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.phase, self.since = HEAD, self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._unread = 0
        self.phase, self.since = BODY, self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unread = 0
        self.phase = WAITING if self.cycle.response_complete else ANSWERING
        if self.stranger:
            self.all.answered(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer was given; the next request has its own time."""
        self.phase, self.since = WAITING, self.loop.time()
        super().on_response_complete()
        # uvicorn's timer knows nothing of requests that a subclass answers before the parser
        self._unset_keepalive_if_required()

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol has the connection, with pings of its own."""
        self.all.forget(self)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """The caller does not read what it asked for."""
        self._blocked_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The caller reads again."""
        self._blocked_since = None
        super().resume_writing()

    def overdue(self, now: float) -> str | None:
        """Why the connection should end now; None while it may go on."""
        limits = self.all.limits
        if self._blocked_since is not None and now - self._blocked_since > limits.write_seconds:
            return "the answer was not read in time"
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            return "the answer was not read in time" if now - self._closing_since > limits.write_seconds else None
        seconds = (self.timeout_keep_alive, limits.head_seconds, limits.body_seconds, None)[self.phase]
        if seconds is not None and now - self.since > seconds:
            return f"{_PHASES[self.phase]} took too long"
        return None


_servers: "WeakKeyDictionary[Any, Connections]" = WeakKeyDictionary()


def _connections_of(protocol: PatientProtocol) -> Connections:
    state = protocol.server_state
    found = _servers.get(state)
    if found is None:
        limits = getattr(protocol.app, "limits", None) or ConnectionLimits()
        found = _servers[state] = Connections(limits, protocol.loop)
    return found


def _file_limit() -> int:
    """How many files this process may hold open, after asking for as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft if soft != resource.RLIM_INFINITY else 1 << 20

"""The fast path: the contract's call, answered where its bytes arrive.

Ranking is a look-up of 3 µs, while a general HTTP stack spends ten times that on the parser's callbacks, an ASGI scope,
a task and two messages. A request that is plain in every way (whole in one read, known headers only once, a length and
no coding) is answered at once; whatever is not goes to the general protocol, untouched, before anything of it was
consumed. So there is one meaning of a request: this lane only takes those on which nobody could disagree.

It stays although it subclasses a private protocol: without it a request takes 44 to 53 µs of processor time and not 13,
and the published 14 would be missed (docs/decisions/0007-own-parts.md).
"""

import re
from typing import Any

from buddies_core.http.connections import PatientProtocol
from buddies_serving.http.answers import Headers
from buddies_serving.http.guard import FAST_PATH, Guard

_START = f"POST {FAST_PATH} HTTP/1.1\r\n".encode()
_LINE = re.compile(rb"^([A-Za-z0-9-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?[ \t]*$")
_HINDERING = frozenset(
    {b"transfer-encoding", b"connection", b"upgrade", b"expect", b"trailer", b"te", b"http2-settings"}
)
_LONGEST_HEAD = 2_048
_HEADS_KEPT = 1_024
Head = tuple[int, Headers]


class FastPathProtocol(PatientProtocol):
    """The protocol with the fast path before it. Needs a Guard as the application, not wrapped in anything."""

    # clients repeat their headers, so that a head is understood once
    _heads: dict[bytes, Head | None] = {}  # noqa: RUF012

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._guard = self.app if isinstance(self.app, Guard) else None
        self._inside = False

    def data_received(self, data: bytes) -> None:
        """Answers a plain request, or hands the bytes on."""
        if not self._inside and self._guard is not None and data.startswith(_START) and self._is_idle():
            end = data.find(b"\r\n\r\n")
            if 0 < end <= _LONGEST_HEAD:
                head = data[:end]
                known = self._heads[head] if head in self._heads else self._remember(head)
                if known and len(data) == end + 4 + known[0]:
                    answer = self._guard.fast_answer(known[1], data[end + 4 :])
                    if answer is not None:
                        self.transport.write(answer)
                        self._answered()
                        return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request began in the general parser: until its end no byte is the start of another."""
        self._inside = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The parser is between requests again."""
        super().on_message_complete()
        self._inside = False

    def _is_idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _remember(self, head: bytes) -> Head | None:
        if len(self._heads) >= _HEADS_KEPT:
            self._heads.clear()
        known = self._heads[bytes(head)] = plain_head(head)
        return known

    def _answered(self) -> None:
        self.server_state.total_requests += 1
        self.since = self.loop.time()
        if self.stranger:
            self.all.answered(self)


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

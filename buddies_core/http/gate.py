"""An ASGI gate before pages that are for this machine alone: it looks at host, origin and path, of WebSockets too."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from buddies_core import json_text
from buddies_core.http.connections import ConnectionLimits
from buddies_core.http.hosts import AllowedHosts

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gate:
    """Wraps an application. `orders_in_query` names the paths at which a GET can carry an order, and the parameter.

    GraphQL servers take mutations in the query of a GET, which any page can send by an `<img>`: at these paths a GET
    with that parameter is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: AllowedHosts,
        *,
        orders_in_query: Mapping[str, bytes] | None = None,
        limits: ConnectionLimits | None = None,
    ) -> None:
        self.app = app
        self.hosts = hosts
        self.limits = limits or ConnectionLimits()
        self._orders = dict(orders_in_query or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what comes from a page of ours or from no page at all."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            # HEAD is a GET whose body the server leaves out
            is_head = scope["type"] == "http" and scope["method"] == "HEAD"
            await self.app({**scope, "method": "GET"} if is_head else scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refuse(send, *refusal)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        return refusal_of(scope["headers"], self.hosts) or unreadable(scope) or self._order(scope)

    def _order(self, scope: Scope) -> tuple[int, str] | None:
        parameter = self._orders.get(scope["path"].rstrip("/"))
        if parameter is None or scope["type"] != "http" or scope["method"] == "POST":
            return None
        names = {part.partition(b"=")[0] for part in scope["query_string"].split(b"&")}
        return (405, "Send queries by POST.") if parameter in names or b"%" in b"".join(names) else None


def refusal_of(headers: list[tuple[bytes, bytes]], hosts: AllowedHosts) -> tuple[int, str] | None:
    """(status, reason) for a request that is not meant for this server or comes from a page of another site."""
    named = [value for name, value in headers if name == b"host"]
    if len(named) != 1 or not hosts.accepts(named[0]):
        return 400, "The Host header does not name this server; set BUDDIES_ALLOWED_HOSTS to add a name."
    if any(name == b"origin" and not hosts.accepts_origin(value) for name, value in headers):
        return 403, "The request comes from a page of another site."
    return None


def unreadable(scope: Scope) -> tuple[int, str] | None:
    """(status, reason) for an address with a NUL, which is text for no database and no file system."""
    if "\x00" in scope["path"] or b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
        return 400, "The address holds a NUL character."
    return None


async def refuse(send: Send, status: int, reason: str) -> None:
    """Answers a request with a problem document."""
    body = json_text.dumps({"type": "about:blank", "title": reason, "status": status}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""The outermost layer: hosts, sizes, keys and rates are checked before anything is parsed, every answer is counted.

Pure ASGI. The calls that carry the load are answered here by `fast` handlers, from bytes to bytes; everything else goes
to the FastAPI application, which offers the same calls through the same handlers and documents them.
"""

import asyncio
import logging
import os
import time
from collections.abc import Coroutine
from itertools import count
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from buddies_core.http.connections import ConnectionLimits
from buddies_core.http.hosts import AllowedHosts
from buddies_serving.http.access import needed_scope
from buddies_serving.http.answers import (
    SAFE_LINES,
    Answer,
    ASGIApp,
    Begun,
    FastHandler,
    Headers,
    Receive,
    Scope,
    Send,
    as_answer,
)
from buddies_serving.http.bodies import CallerGoneError, replay, too_large, whole, within
from buddies_serving.http.keys import KeyEntry, Keys
from buddies_serving.http.metrics import Metrics
from buddies_serving.http.problems import Problem
from buddies_serving.http.proxy import Front
from buddies_serving.http.rate_limit import RateLimiter
from buddies_serving.settings import ServingSettings

logger = logging.getLogger("buddies_serving.http.access")

FAST_PATH = "/api/playlist/recommend/"
BATCH_PATH = "/api/playlist/recommend/batch"
_BODY_SECONDS = 10.0
_CALLER_GONE = 499


KEY = "buddies.key"
"""Where a request's scope holds the entry of its API key."""


class Guarded(Protocol):
    """What the guard needs of a service; `fast` maps (method, path) to (route name, handler)."""

    settings: ServingSettings
    metrics: Metrics
    keys: Keys | None
    limiter: RateLimiter

    @property
    def hosts(self) -> AllowedHosts: ...

    def check(self) -> None: ...

    def stop_being_ready(self) -> None: ...

    @property
    def fast(self) -> dict[tuple[str, str], tuple[str, FastHandler]]: ...

    system_fast: dict[tuple[str, str], tuple[str, FastHandler]]
    """Those of `fast` that answer calls without a query alone; with one the application does."""

    def hot_recommend(self, body: bytes, headers: Headers) -> Answer | Coroutine[Any, Any, Answer]: ...


class Guard:
    """Wraps the application of a service."""

    def __init__(self, app: ASGIApp, service: Guarded, front: Front) -> None:
        self._app = app
        self._front = front
        self.service = service
        self._fast = service.fast
        self._without_query = frozenset(service.system_fast)
        self._metrics = service.metrics
        self._settings = service.settings
        self._keys = service.keys
        self._limiter = service.limiter
        self._hosts = service.hosts
        self.limits = _limits(service.settings)
        self._logs_all = service.settings.access_log == "all"
        self._logs_none = service.settings.access_log == "none"
        self._slow_seconds = service.settings.slow_request_ms / 1000
        self._fast_tally = service.metrics.route(FAST_PATH)
        self._prefix = os.urandom(5).hex()
        self._count = count(1)

    def fast_answer(self, headers: Headers, body: bytes) -> bytes | None:
        """The whole HTTP answer to a plain request for recommendations; None when it takes turns (`fast_path.py`)."""
        started = time.perf_counter()
        request_id = f"{self._prefix}-{next(self._count):x}".encode()
        status = 200
        try:
            self._admit(FAST_PATH, headers)
            made = self.service.hot_recommend(within(body, self._settings.max_body_bytes), headers)
            if not isinstance(made, Answer):
                made.close()
                return None
            answer = made
        except Problem as problem:
            answer, status = as_answer(problem, request_id), problem.status
        except Exception:
            answer, status = as_answer(_failed(FAST_PATH, request_id), request_id), 500
        lines = b"".join([b"%b: %b\r\n" % header for header in answer.headers])
        seconds = time.perf_counter() - started
        self._fast_tally.add(status, seconds)
        self._log("POST", FAST_PATH, status, request_id, seconds)
        return b"%b%bcontent-length: %d\r\n%bx-request-id: %b\r\n\r\n%b" % (
            *(STATUS_LINE[status], lines, len(answer.body)),
            *(SAFE_LINES, request_id, answer.body),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or passes start and stop of the application on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        started = time.perf_counter()
        request_id = f"{self._prefix}-{next(self._count):x}".encode()
        route = self._front.route(scope["path"])
        scope = self._front.seen_by_caller(scope, route)
        headers = dict(scope["headers"])
        fast = self._fast.get((scope["method"], route))
        if fast is not None and scope.get("query_string") and (scope["method"], route) in self._without_query:
            fast = None
        name = fast[0] if fast else "unmatched"
        begun = Begun(send, request_id)
        if scope["method"] == "HEAD":
            # the same as a GET; the server leaves the body out
            scope = {**scope, "method": "GET"}
        try:
            if sum(name == b"host" for name, _ in scope["headers"]) != 1:
                raise Problem(400, "Send one Host header.")
            scope[KEY] = self._admit(route, headers)
            body = await self._body(scope, route, headers, receive)
            if fast is not None:
                answer = fast[1](body, headers)
                if not isinstance(answer, Answer):
                    answer = await answer
                await begun.send_answer(answer)
            else:
                await self._app(scope, replay(body, receive), begun)
                name = getattr(scope.get("route"), "path", name)
        except Problem as problem:
            await begun.send_problem(problem)
        except CallerGoneError:
            begun.status = _CALLER_GONE
        except Exception:
            failed = _failed(name, request_id)
            if begun.status:
                # Cut off in the middle, whatever its first line said: the server closes the connection.
                begun.status = failed.status
            else:
                await begun.send_problem(failed)
        seconds = time.perf_counter() - started
        self._metrics.route(name).add(begun.status, seconds)
        self._log(scope["method"], name, begun.status, request_id, seconds)

    def _admit(self, path: str, headers: Headers) -> KeyEntry | None:
        if not self._hosts.accepts(headers.get(b"host", b"")):
            raise Problem(400, "The Host header does not name this service; BUDDIES_ALLOWED_HOSTS adds a name.")
        origin = headers.get(b"origin")
        if origin is not None and not self._hosts.accepts_origin(origin):
            raise Problem(403, "The request comes from a page of another site.")
        if "\x00" in path:
            raise Problem(400, "The path holds a NUL character.")
        scope = needed_scope(path)
        if self._keys is None or scope is None:
            return None
        given = given_key(headers)
        entry = self._keys.entry(given) if given else None
        if entry is None:
            reason = "The API key is not valid or has expired." if given else "Send a key as `Authorization: Bearer …`."
            raise Problem(401, reason, headers=(("www-authenticate", "Bearer"),))
        wait = self._limiter.wait(entry.id, entry.rate)
        if wait:
            raise Problem(
                429, "This key has used up its requests for now.", headers=(("retry-after", str(int(wait) + 1)),)
            )
        if scope not in entry.scopes:
            raise Problem(403, f"This key lacks the scope `{scope}`.")
        return entry

    async def _body(self, scope: Scope, route: str, headers: Headers, receive: Receive) -> bytes:
        """The whole body, refused before it is read when it says that it is too large, and while it is read if not."""
        length = headers.get(b"content-length")
        if length is None and b"transfer-encoding" not in headers:
            return b""
        limit = self._settings.max_body_bytes
        if route == BATCH_PATH:
            limit = self._settings.max_batch_body_bytes
        if length is not None and (not length.isdigit() or len(length) > 18 or int(length) > limit):
            raise too_large(limit)
        if scope["method"] == "POST" and length != b"0":
            kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if kind != b"application/json":
                raise Problem(415, "Send the body as application/json.")
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                return await whole(receive, limit)
        except TimeoutError as error:
            closing = (("connection", "close"),)
            raise Problem(408, f"The body did not arrive within {_BODY_SECONDS:.0f} s.", headers=closing) from error

    def _log(self, method: str, route: str, status: int, request_id: bytes, seconds: float) -> None:
        if not self._logs_all and ((status < 500 and seconds < self._slow_seconds) or self._logs_none):
            return
        extra = {"request": request_id.decode(), "method": method, "route": route, "status": status}
        logger.info("request", extra=extra | {"ms": round(seconds * 1000, 3)})


def given_key(headers: Headers) -> bytes:
    """The API key that a request came with; empty if with none."""
    return headers.get(b"x-api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ")


def _limits(settings: ServingSettings) -> ConnectionLimits:
    return ConnectionLimits(most=settings.max_connections, most_of_an_address=settings.max_connections_per_address)


def _failed(route: str, request_id: bytes) -> Problem:
    """What a caller is told of an error that nothing foresaw; the log gets it whole.

    Nothing may fall out of the guard: the fast path runs in the connection's own callback.
    """
    logger.exception("request failed", extra={"request": request_id.decode(), "route": route})
    return Problem(500, "The service failed to answer; the log has the reason.")

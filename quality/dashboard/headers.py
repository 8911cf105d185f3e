"""Headers that keep the pages to themselves: no script or style but ours, no request to another machine.

And what every page needs before it: an address that can be read, and HEAD as a GET without its body.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from buddies_core.http.gate import refuse, unreadable
from quality.dashboard.inline import PAINT_SCRIPT, STYLE, source

POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src 'self' {source(PAINT_SCRIPT)}",
        f"style-src {source(STYLE)}",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)


class SecurityHeaders:
    """Adds the headers to every response; plain ASGI, since a `BaseHTTPMiddleware` costs more than a page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        if (refusal := unreadable(scope)) is not None:
            await refuse(send, *refusal)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self.app(scope, receive, with_headers)

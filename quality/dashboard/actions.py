"""What people do with an incident: forms of its page, taken only from pages of the dashboard itself."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from quality.dashboard.sources import Sources
from quality.history import incidents
from quality.history.incidents import IncidentInputError, NoSuchIncidentError

MOST_BYTES = 10_000
HOURS = {"1 hour": 1, "8 hours": 8, "1 day": 24, "1 week": 168}
"""For how long an incident can be muted from its page."""

Refuse = Callable[[Request, str, str, int], Response]


def add_actions(app: FastAPI, sources: Sources, refuse: Refuse) -> None:
    """The routes `POST /incidents/{number}/{action}`.

    Args:
        refuse: makes a page of a title, a text and a status.
    """

    @app.post("/incidents/{number}/{action}", name="incident_action")
    async def act(request: Request, number: int, action: str) -> Response:
        if not of_this_page(request):
            return refuse(
                request, "Not from this page", "Incidents are changed from the dashboard's own pages only.", 403
            )
        body = await _body(request)
        if body is None:
            return refuse(request, "Too much text", f"A form has at most {MOST_BYTES:,} bytes.", 413)
        try:
            form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
            await run_in_threadpool(_performed, sources, number, action, form)
        except NoSuchIncidentError as error:
            return refuse(request, "No such incident", str(error), 404)
        except (IncidentInputError, UnicodeDecodeError) as error:
            return refuse(request, "This cannot be taken", str(error), 400)
        back = request.url_for("page", name="incident").path
        return RedirectResponse(f"{back}?incident={number}", status_code=303)


def _performed(sources: Sources, number: int, action: str, form: Mapping[str, str]) -> None:
    # In a thread: it waits for a connection and for PostgreSQL, and other pages are answered meanwhile.
    with sources.connection() as connection:
        perform(connection, number, action, form, datetime.now(UTC))


def perform(connection: object, number: int, action: str, form: Mapping[str, str], now: datetime) -> None:
    """Carry out one action.

    Raises:
        IncidentInputError: there is no such action, or what it needs is missing.
        NoSuchIncidentError: the incident is not there, or not open.
    """
    by = form.get("by", "")
    if action == "acknowledge":
        incidents.acknowledge(connection, number, by, now)  # type: ignore[arg-type]
    elif action == "assign":
        incidents.assign(connection, number, form.get("owner", ""), by, now)  # type: ignore[arg-type]
    elif action == "mute":
        hours = HOURS.get(form.get("for", ""))
        if hours is None:
            raise IncidentInputError(f"Mute for one of: {', '.join(HOURS)}.")
        incidents.mute(connection, number, now + timedelta(hours=hours), by, now)  # type: ignore[arg-type]
    elif action == "unmute":
        incidents.mute(connection, number, None, by, now)  # type: ignore[arg-type]
    elif action == "note":
        incidents.note(connection, number, form.get("text", ""), by, now)  # type: ignore[arg-type]
    else:
        raise IncidentInputError("An incident can be acknowledged, assigned, muted, unmuted and noted.")


def of_this_page(request: Request) -> bool:
    """Whether a browser says that the form stood on a page of this host; a program that is no browser says neither."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin"):
        return False
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def _body(request: Request) -> bytes | None:
    found = b""
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BYTES:
            return None
    return found

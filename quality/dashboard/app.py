"""The data-quality dashboard: server-rendered pages, SVG and JSON of every chart, a CSV of every table.

`create_app` can be served by itself (`python -m quality.dashboard`) or mounted under another application; all its
links are relative to where it is. Nothing is fetched from another machine.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from buddies_core.postgres.errors import DatabaseError
from buddies_core.postgres.room import disk_is_full, no_room
from buddies_core.settings import Settings
from buddies_core.storage.sample import sample_in, sample_note
from quality.dashboard import choice, filters
from quality.dashboard.actions import HOURS, Refuse, add_actions
from quality.dashboard.ahead import draw_ahead
from quality.dashboard.context import Context
from quality.dashboard.drawings import COLUMN, Drawings
from quality.dashboard.elsewhere import links
from quality.dashboard.headers import SecurityHeaders
from quality.dashboard.pages import (
    asset,
    checks,
    expectations,
    feedback,
    incidents,
    lineage,
    models,
    overview,
    search,
    sequences,
    songs,
    training,
    users,
)
from quality.dashboard.period import InvalidPeriodError, Period
from quality.dashboard.settings import DashboardSettings
from quality.dashboard.sources import LOCK_SECONDS, BusyError, Sources
from quality.dashboard.tables import as_csv
from quality.dashboard.view import Page, View
from quality.graph import asset_graph
from quality.health import UNMADE

PAGES: dict[str, Page] = {
    page.name: page
    for page in (
        overview.PAGE,
        incidents.PAGE,
        training.PAGE,
        feedback.PAGE,
        users.PAGE,
        checks.PAGE,
        models.PAGE,
        songs.PAGE,
        sequences.PAGE,
        lineage.PAGE,
        expectations.PAGE,
        checks.DETAIL,
        asset.PAGE,
        incidents.DETAIL,
        search.PAGE,
        search.RUN,
    )
}
OF_ONE = {checks.DETAIL: "check", asset.PAGE: "asset", incidents.DETAIL: "incident", search.RUN: "run"}
"""Pages about one thing, which the URL names: no place in the navigation."""
NAVIGATION = [page for page in PAGES.values() if page not in OF_ONE and page is not search.PAGE]
KEPT = ("asset", "check", "incident", "run", "q", "column", "figure")
"""What another range of days keeps of the URL of a page about one thing."""
PIECE = 500
"""Fragments of a template that are sent together, about 10 kB."""
_HERE = Path(__file__).parent


def create_app(settings: Settings, dashboard: DashboardSettings, *, refresh: bool = True) -> FastAPI:
    """The application; with `refresh` a thread of its own keeps what it knows up to date."""
    sources, drawings = Sources(settings, dashboard), Drawings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        import altair  # noqa: F401  (takes a second: now, and not at the first chart)

        if refresh:
            sources.start(after=lambda: draw_ahead(sources, drawings, NAVIGATION))
        yield
        sources.close()

    app = FastAPI(title="Buddies data quality", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.sources = sources
    app.add_middleware(SecurityHeaders)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    templates = Jinja2Templates(_HERE / "templates")
    filters.install(templates.env, dashboard.dagster_url)
    templates.env.globals["elsewhere"] = links(settings, dashboard)
    _add_pages(app, sources, templates)
    _add_charts(app, sources, drawings)
    _add_tables(app, sources)
    add_actions(app, sources, _add_errors(app, templates, dashboard))
    return app


def _add_pages(app: FastAPI, sources: Sources, templates: Jinja2Templates) -> None:
    def render(request: Request, page: Page) -> Response:
        with _context(request, sources) as context:
            view = page.view(context)
            if view is None:
                return templates.TemplateResponse(request, "error.html", _missing(context, page), status_code=404)
            shown = _shown(context, page, view)
        # In pieces: the browser paints the top of a long page while the rest is written.
        template = templates.get_template("page.html")
        pieces = template.stream(shown | {"request": request})
        pieces.enable_buffering(PIECE)
        return StreamingResponse(pieces, media_type="text/html; charset=utf-8")

    @app.get("/", response_class=HTMLResponse, name="overview")
    def show_overview(request: Request) -> Response:
        return render(request, overview.PAGE)

    @app.get("/healthz", name="healthz")
    def healthz() -> JSONResponse:
        refreshed = sources.refreshed_at
        told = {"refreshed_at": refreshed.isoformat() if refreshed else None, "trouble": sources.trouble}
        return JSONResponse({"status": "ok"} | told)

    @app.get("/{name}", response_class=HTMLResponse, name="page")
    def show_page(request: Request, name: str) -> Response:
        if name not in PAGES:
            text = f"There is no page {name!r}. The pages are: {', '.join(page.label for page in NAVIGATION)}."
            about = {"title": "No such page", "message": text, "pages": NAVIGATION, "period": None}
            return templates.TemplateResponse(request, "error.html", about, status_code=404)
        return render(request, PAGES[name])


def _add_charts(app: FastAPI, sources: Sources, drawings: Drawings) -> None:
    @app.get("/{name}/charts/{chart}.{form}", name="chart")
    def show_chart(
        request: Request, name: str, chart: str, form: str, width: Annotated[int, Query(ge=1, le=9999)] = COLUMN
    ) -> Response:
        draw = PAGES[name].chart(chart) if name in PAGES else None
        if draw is None or form not in ("json", "svg"):
            return JSONResponse({"error": f"The page {name!r} has no chart {chart}.{form}."}, status_code=404)
        with _context(request, sources) as context:
            plot = draw(context)
        if form == "json":
            return JSONResponse({"empty": True} if plot is None else {"spec": plot.spec()})
        if plot is None:
            return Response(status_code=204)
        return Response(drawings.svg(plot, width), media_type="image/svg+xml")


def _add_tables(app: FastAPI, sources: Sources) -> None:
    @app.get("/{name}/tables/{table}.{form}", name="table")
    def show_table(request: Request, name: str, table: str, form: str) -> Response:
        if name not in PAGES or table not in PAGES[name].tables or form not in ("csv", "json"):
            return JSONResponse({"error": f"The page {name!r} has no table {table}.{form}."}, status_code=404)
        with _context(request, sources) as context:
            built = PAGES[name].tables[table](context)
        if form == "json":
            return Response(filters.to_json([dict(row) for row in built.rows]), media_type="application/json")
        headers = {"Content-Disposition": f'attachment; filename="{name}-{table}.csv"'}
        return Response(as_csv(built), media_type="text/csv; charset=utf-8", headers=headers)


def _add_errors(app: FastAPI, templates: Jinja2Templates, dashboard: DashboardSettings) -> Refuse:
    """Pages of the errors that are foreseen; returns what makes such a page."""
    import psycopg2

    def page(request: Request, title: str, text: str, status: int, **more: Any) -> Response:
        if "/charts/" in request.url.path or "/tables/" in request.url.path:
            return JSONResponse({"error": text}, status_code=status)
        about = {"title": title, "message": text, "pages": NAVIGATION, "period": None, **more}
        return templates.TemplateResponse(request, "error.html", about, status_code=status)

    @app.exception_handler(InvalidPeriodError)
    def bad_period(request: Request, error: InvalidPeriodError) -> Response:
        today = datetime.now(UTC).date()
        typed = dict(request.query_params)
        kept = {name: value for name, value in typed.items() if name not in ("from", "to")}
        presets = Period.parse(None, None, today).presets(today)
        return page(request, "These dates make no range", str(error), 400, typed=typed, kept=kept, presets=presets)

    @app.exception_handler(DatabaseError)
    def no_database(request: Request, error: DatabaseError) -> Response:
        return page(request, "The database is not running", str(error), 503)

    @app.exception_handler(BusyError)
    def busy(request: Request, error: BusyError) -> Response:
        return page(request, "The dashboard is busy", str(error), 503)

    @app.exception_handler(psycopg2.DataError)
    def no_such_value(request: Request, error: psycopg2.DataError) -> Response:
        text = f"The address names a value that the history cannot hold: {str(error).splitlines()[0]}."
        return page(request, "There is no such value", text, 400)

    @app.exception_handler(psycopg2.ProgrammingError)
    def damaged_history(request: Request, error: psycopg2.ProgrammingError) -> Response:
        text = (
            f"PostgreSQL says: {str(error).splitlines()[0]}. The quality history has lost a part: restore it from a "
            "backup, or drop the schema `quality` and restart the dashboard, which fills it from Dagster's event log."
        )
        return page(request, "The quality history is damaged", text, 503)

    @app.exception_handler(psycopg2.errors.LockNotAvailable)
    def locked(request: Request, error: psycopg2.errors.LockNotAvailable) -> Response:
        text = (
            f"Somebody has held a lock of the database for more than {LOCK_SECONDS:.0f} s: a migration, a dump or a "
            "session that was left open. Look at pg_stat_activity, end what should not run, and reload."
        )
        return page(request, "The database is locked", text, 503)

    @app.exception_handler(psycopg2.errors.DiskFull)
    def disk_full(request: Request, error: psycopg2.errors.DiskFull) -> Response:
        return page(request, "The disk of the database is full", disk_is_full(error), 503)

    @app.exception_handler(psycopg2.OperationalError)
    def lost_database(request: Request, error: psycopg2.OperationalError) -> Response:
        embedded = app.state.sources.settings.local_home / "postgres"
        text = (
            no_room(embedded)
            or "PostgreSQL does not answer. Run `buddies db start`, or check BUDDIES_POSTGRES_URL; then reload."
        )
        return page(request, "The database does not answer", text, 503)

    return page


@contextmanager
def _context(request: Request, sources: Sources) -> Iterator[Context]:
    now = datetime.now(UTC)
    query = {name: value for name, value in request.query_params.items() if value}
    period = Period.parse(query.get("from"), query.get("to"), now.date())
    with sources.connection() as connection:
        yield Context(connection, sources, period, now, query)


def _shown(context: Context, page: Page, view: View) -> dict[str, Any]:
    kept = {name: context.query[name] for name in KEPT if name in context.query}
    form = _filters(context, page)
    of_tables = [name for table in view.tables for name in table.choose]
    asked = (*choice.NAMES, *(form or ()), *(["search"] if form else []), *of_tables)
    chosen = {name: context.query[name] for name in asked if name in context.query}
    return {
        "page": page,
        "view": view,
        "pages": NAVIGATION,
        "period": context.period,
        "presets": context.period.presets(context.now.date()),
        "incidents": len(context.incidents),
        "known": any(health.state not in UNMADE for health in context.health.values()),
        "refreshed_at": context.sources.refreshed_at,
        "trouble": context.sources.trouble,
        "sample": sample_note(sample_in(context.sources.manifests.values())),
        "query": context.query,
        "kept": (kept if page not in NAVIGATION else {}) | chosen,
        "refresh_seconds": context.sources.dashboard.refresh_seconds,
        "hours": HOURS,
        "choice": context.choice,
        "filters": form,
    }


def _filters(context: Context, page: Page) -> dict[str, list[str]] | None:
    """What a page's form offers, by the name in the URL; None where it has no form."""
    if page not in (overview.PAGE, checks.PAGE, lineage.PAGE):
        return None
    of_assets = choice.choices(context.health, asset_graph(), context.owners)
    if page is not checks.PAGE:
        return of_assets
    return of_assets | {
        "asset": sorted({check.asset for check in context.checks}),
        "state": list(dict.fromkeys(check.label for check in context.checks)),
        "severity": ["error", "warn"],
    }


def _missing(context: Context, page: Page) -> dict[str, Any]:
    thing, where = OF_ONE[page], {checks.DETAIL: "Checks", incidents.DETAIL: "Incidents"}.get(page, "Overview")
    text = f"There is no such {thing}, or it has never run. All that have are on the page {where}."
    return {"title": f"No such {thing}", "message": text, "pages": NAVIGATION, "period": context.period}

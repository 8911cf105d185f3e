"""The application: FastAPI for the many calls, the guard with its fast handlers round it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Route

from buddies_serving.found import system_modules
from buddies_serving.http.failures import on_http_error, on_invalid, on_problem
from buddies_serving.http.guard import Guard
from buddies_serving.http.openapi import install
from buddies_serving.http.problems import Problem
from buddies_serving.routes import contract, listener, recommend, system
from buddies_serving.service import Service
from buddies_serving.settings import ServingSettings


def create_app(settings: ServingSettings | None = None) -> Guard:
    """The ASGI application; raises UnsafeBindError when it would be open to others without API keys."""
    service = Service(settings or ServingSettings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Spotify Buddies", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.service = service
    modules = (contract, recommend, listener, system, *system_modules())
    for module in modules:
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=system.PAGE_FOLDER / "static"))
    for failure, handler in (
        (Problem, on_problem),
        (HTTPException, on_http_error),
        (RequestValidationError, on_invalid),
    ):
        app.add_exception_handler(failure, handler)
    install(app)
    # FastAPI lists a router that it includes as one route, so the routers themselves are asked.
    routes = [*app.routes, *(route for module in modules for route in module.router.routes)]
    paths = {route.path for route in routes if isinstance(route, Route) and "{" not in route.path}
    return Guard(app, service, service.settings.front(paths))

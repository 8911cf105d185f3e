"""Health, the model served, metrics, the API's description, and the listener page."""

from functools import partial
from pathlib import Path

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates

from buddies_serving.http.answers import PAGE_POLICY
from buddies_serving.http.guard import given_key
from buddies_serving.http.openapi import answers, ref
from buddies_serving.model.live_examples import curl, live_examples
from buddies_serving.routes.contract import Running
from buddies_serving.routes.recommend import json_answer
from buddies_serving.service import Service
from buddies_serving.types import api as types

router = APIRouter()
PAGE_FOLDER = Path(__file__).parent.parent / "page"
_templates = Jinja2Templates(PAGE_FOLDER)
_PAGE_HEADERS = {"content-security-policy": PAGE_POLICY.decode()}


@router.get(
    "/health/live",
    summary="Is the process alive",
    tags=["system"],
    response_class=Response,
    responses=answers(ref(types.Health), {"status": "ok", "problems": [], "warnings": []}),
)
async def live() -> Response:
    """Answers as long as the process does."""
    return json_answer(types.Health("ok"))


@router.get(
    "/health/ready",
    summary="Can it do its work",
    tags=["system"],
    response_class=Response,
    responses=answers(ref(types.Health), {"status": "ok", "problems": [], "warnings": []})
    | {503: {"description": "Not ready", "content": {"application/json": {"schema": ref(types.Health)}}}},
)
async def ready(request: Request, service: Running) -> Response:
    """Ready needs a model, running tasks and a place for feedback; a database that is away is only a warning.

    Where API keys are on, causes and paths are told to those with the scope `admin` alone.
    """
    health = service.health(public=not _may_know(request, service))
    return Response(msgspec.json.encode(health), 503 if health.problems else 200, media_type="application/json")


@router.get(
    "/model",
    summary="The model served",
    tags=["system"],
    response_class=Response,
    responses=answers(ref(types.ModelAnswer), {"mode": "lookup", "arms": []}, 503),
)
async def model(service: Running) -> Response:
    """Versions, runs and metrics of the champion and, if there is one, the challenger."""
    serving = service.recommender.serving()
    arms = []
    for arm, served in (("champion", serving.champion), ("challenger", serving.challenger)):
        if served is None:
            continue
        about = served.manifest
        share = serving.share if arm == "challenger" else 1.0 - serving.share
        arms.append(
            types.ModelAbout(
                arm=arm,
                share=share,
                version=about.version,
                model_version=about.model_version,
                created_at=about.created_at,
                since=serving.since,
                run_id=about.run_id,
                data_fingerprint=about.data_fingerprint,
                metrics=about.metrics,
                counts=about.counts,
            )
        )
    return json_answer(types.ModelAnswer(service.settings.serving_mode, arms))


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    tags=["system"],
    response_class=Response,
    responses=answers({"type": "string"}, "buddies_ready 1.0\n", media_type="text/plain"),
)
async def metrics(service: Running) -> Response:
    """The exposition format."""
    return Response(service.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _may_know(request: Request, service: Service) -> bool:
    if service.keys is None:
        return True
    entry = service.keys.entry(given_key(dict(request.headers.raw)))
    return entry is not None and "admin" in entry.scopes


@router.get("/", include_in_schema=False)
async def page(request: Request, service: Running) -> Response:
    """The listener page."""
    return _templates.TemplateResponse(
        request, "listener.html", {"root": request.scope["root_path"], "sample": service.sample}, headers=_PAGE_HEADERS
    )


@router.get("/docs", include_in_schema=False)
async def docs(request: Request, service: Running) -> Response:
    """The API's description for people, made from the OpenAPI document without anything from another server.

    Its examples are of the model that is served, where there is one.
    """
    document, serving = request.app.openapi(), service.watcher.serving
    shown = {
        "api": live_examples(document, serving.champion) if serving is not None else document,
        "is_live": serving is not None,
        "curl": partial(curl, str(request.base_url).rstrip("/")),
        "root": request.scope["root_path"],
    }
    return _templates.TemplateResponse(request, "docs.html", shown, headers=_PAGE_HEADERS)

"""The calls of the contract, and large batches. The guard answers the first two itself, by the same handlers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from buddies_serving.http.answers import Answer
from buddies_serving.http.guard import BATCH_PATH, KEY
from buddies_serving.http.openapi import answers, body, ref
from buddies_serving.http.problems import from_decoding, invalid
from buddies_serving.model.batch import ndjson
from buddies_serving.service import EVENTS_PATH, Service
from buddies_serving.types.api import (
    BatchRequest,
    EventsAnswer,
    EventsRequest,
    FeedbackAnswer,
    FeedbackRequest,
    RecommendAnyRequest,
    Recommendation,
)

router = APIRouter()
_EXAMPLE = [{"user_id": 22434, "playlists": [14546, 28783, 209745, 29747, 32649]}]
_BATCH = msgspec.json.Decoder(BatchRequest)
_LISTED_FOR_A_REQUEST = 500
"""Playlists in a batch that cost its API key as much as one request."""
_BATCH_SECONDS = 300.0
_WITH_KEY = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Sending again with the same key stores nothing twice; derived when absent.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
        }
    ]
}


def service_of(request: Request) -> Service:
    """The service that the application was made for."""
    return request.app.state.service


Running = Annotated[Service, Depends(service_of)]


def as_response(answer: Answer) -> Response:
    """A fast handler's answer for FastAPI."""
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers)


@router.post(
    "/api/playlist/recommend/",
    summary="Five playlists for each user",
    tags=["recommend"],
    response_class=Response,
    responses=answers({"type": "array", "items": ref(Recommendation)}, _EXAMPLE, 400, 413, 415, 422, 503, listed=True),
    openapi_extra=body(RecommendAnyRequest, {"one user": {"user_ids": [22434]}, "by id": {"user_ids": ["b" * 40]}}),
)
async def recommend(request: Request, service: Running) -> Response:
    """Unknown and cold users get the most liked playlists. What a user liked leaves their list at once."""
    made = service.hot_recommend(await request.body(), {})
    return as_response(made if isinstance(made, Answer) else await made)


@router.post(
    "/feedback",
    summary="One of the playlists shown was liked",
    tags=["feedback"],
    response_class=Response,
    responses=answers(ref(FeedbackAnswer), {"msg": "Feedback Sent"}, 400, 413, 415, 422, 503),
    openapi_extra=body(
        FeedbackRequest,
        {"as shown": {"user_id": 22434, "like_playlist": 28783, "other_playlists": [14546, 209745, 29747, 32649]}},
    )
    | _WITH_KEY,
)
async def feedback(request: Request, service: Running) -> Response:
    """Answers when the feedback is on disk, in PostgreSQL or in the local spool."""
    return as_response(await service.hot_feedback(await request.body(), _key(request)))


def _key(request: Request) -> dict[bytes, bytes]:
    key = request.headers.get("idempotency-key")
    return {} if key is None else {b"idempotency-key": key.encode()}


@router.post(
    EVENTS_PATH,
    summary="What a listener did with songs and playlists",
    tags=["feedback"],
    response_class=Response,
    responses=answers(ref(EventsAnswer), {"msg": "Events Stored", "events": 2}, 400, 413, 415, 422, 503),
    openapi_extra=body(
        EventsRequest,
        {
            "played and liked": {
                "user_id": 22434,
                "events": [
                    {"kind": "play", "song": {"title": "You're The One", "artist": "Dwight Yoakam"}, "seconds": 212},
                    {"kind": "play", "playlist": 28783, "share": 0.6},
                ],
            },
            "somebody new": {
                "user_id": "client:ada",
                "events": [{"kind": "like", "song": {"title": "You're The One", "artist": "Dwight Yoakam"}}],
            },
        },
    )
    | _WITH_KEY,
)
async def events(request: Request, service: Running) -> Response:
    """Answers when all the events are on disk; they count from the next request on, and for the next training."""
    return as_response(await service.hot_events(await request.body(), _key(request)))


@router.post(
    BATCH_PATH,
    summary="Playlists for very many users, a line each",
    tags=["recommend"],
    response_class=StreamingResponse,
    responses=answers(
        {"type": "string"},
        '{"user_id":22434,"playlists":[14546,28783]}\n',
        *(400, 413, 415, 422, 503),
        media_type="application/x-ndjson",
        listed=True,
    ),
    openapi_extra=body(BatchRequest, {"two users": {"user_ids": [22434, 7], "k": 2}}),
)
async def recommend_batch(request: Request, service: Running) -> StreamingResponse:
    """Newline-delimited JSON in the order of the request, streamed; one model answers the whole batch."""
    content = await request.body()
    try:
        wanted = _BATCH.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error
    limit = service.settings.max_batch_users
    if len(wanted.user_ids) > limit:
        raise invalid("user_ids", f"holds {len(wanted.user_ids)} users, the most is {limit}")
    serving = service.recommender.serving()
    users = np.array(wanted.user_ids, dtype=np.int64)

    service.charge(request.scope.get(KEY), len(users) * wanted.k / _LISTED_FOR_A_REQUEST)
    service.batches.check()

    async def lines() -> AsyncIterator[bytes]:
        async with service.batches.place(), asyncio.timeout(_BATCH_SECONDS):
            parts = ndjson(serving, users, wanted.k, service.remembered, service.usage)
            async for made in service.turns.slices(parts):
                yield b"".join(made)

    headers = {
        "x-model-version": serving.version_header,
        "x-recommendation-id": service.recommender.ids.for_many(serving.champion.version),
    }
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)

"""The three calls of the reference as they are: songs for a listener, a play, and what was played last."""

import re
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from buddies_serving.http.openapi import answers, describe, ref
from buddies_serving.http.problems import invalid
from buddies_serving.model.song_shelf import SongShelf, shelves
from buddies_serving.routes.contract import Running
from buddies_serving.routes.songs_for import songs_for, who_is
from buddies_serving.types import api as api_types
from buddies_serving.types.songs import ReferenceEvents, ReferenceSongs, ReferenceStored, SongsForRequest

router = APIRouter(tags=["songs"])
_LAST = 10
"""Events that `/get` answers at most, and songs that `/recommend` does."""
SongId = Annotated[str, Query(min_length=1, max_length=256, examples=["SOBONKR12A58A7A7E0"])]
ReferenceUser = Annotated[
    str,
    Query(pattern=r"^[!-~]{1,200}$", description="Number, 40-hex id, or what the plays call them.", examples=["22434"]),
]
ReferenceCount = Annotated[int, Query(ge=1, le=_LAST)]
describe(ReferenceSongs, ReferenceEvents, ReferenceStored)
_ENCODER = msgspec.json.Encoder()


@router.post(
    "/recommend",
    summary="The reference's call: songs for a listener, by id",
    response_class=Response,
    responses=answers(ref(ReferenceSongs), {"user_id": 22434, "item_ids": ["SOBONKR12A58A7A7E0"]}, 404, 422, 503),
)
async def reference_recommend(service: Running, user_id: ReferenceUser, k: ReferenceCount = _LAST) -> Response:
    """Offline, or popular for strangers, with the songs like those of late among them."""
    named = _named(user_id)
    shelf, made = songs_for(service, SongsForRequest(named, k))
    return _json(ReferenceSongs(named, [shelf.song(listed.song).id for listed in made.songs]), shelf)


@router.post(
    "/put",
    summary="The reference's call: a listener plays a song",
    response_class=Response,
    responses=answers(ref(ReferenceStored), {"result": "ok"}, 404, 422, 503),
)
async def reference_put(service: Running, user_id: ReferenceUser, item_id: SongId) -> Response:
    """The same as a `play` at `/api/events/`: answers when it is on disk."""
    shelf = shelves(service.settings).get(None)
    if shelf.row_of(item_id) is None:
        raise invalid("item_id", f"no song has the id {item_id[:64]!r}")
    name = who_is(service, shelf, _named(user_id)).name
    played = api_types.ListenerEvent("play", api_types.SongQuery(item_id))
    await service.take_events(api_types.EventsRequest(name, [played]))
    return _json(ReferenceStored("ok"), shelf)


@router.post(
    "/get",
    summary="The reference's call: what a listener played last",
    response_class=Response,
    responses=answers(ref(ReferenceEvents), {"user_id": 22434, "events": ["SOBONKR12A58A7A7E0"]}, 404, 422, 503),
)
async def reference_get(service: Running, user_id: ReferenceUser, k: ReferenceCount = _LAST) -> Response:
    """Songs of late, the newest first."""
    named = _named(user_id)
    shelf = shelves(service.settings).get(None)
    heard = service.remembered.songs.of(who_is(service, shelf, named).number)
    played = [name.id for name, (_, kind) in heard.items() if name.id is not None and kind != "skip"]
    return _json(ReferenceEvents(named, played[: -k - 1 : -1]), shelf)


def _named(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else text


def _json(content: msgspec.Struct, shelf: SongShelf) -> Response:
    return Response(_ENCODER.encode(content), 200, {"x-model-version": shelf.version}, "application/json")

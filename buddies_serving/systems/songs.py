"""Songs for a listener: ours with reasons, songs like a song, and the reference's three calls.

Everything is looked up in the artifact that the graph publishes; what the listener played minutes ago joins it at the
request.
"""

from typing import Annotated

import msgspec
from fastapi import Path as UrlPath
from fastapi import Query, Request, Response

from buddies_serving.found import FastRoutes
from buddies_serving.http.answers import JSON, Answer, Headers
from buddies_serving.http.openapi import answers, body, describe, ref
from buddies_serving.http.problems import Problem, from_decoding
from buddies_serving.model.song_shelf import SongShelf, find_song, shelves
from buddies_serving.routes import songs_of_reference
from buddies_serving.routes.contract import Running
from buddies_serving.routes.songs_for import songs_for
from buddies_serving.service import Service
from buddies_serving.types.songs import ListedSong, ServedSong, SongsFor, SongsForRequest, SongsLike, SongWhy

__all__ = ["PATH", "find_song", "router", "service_routes"]
PATH = "/api/songs/recommend/"
router = songs_of_reference.router
"""One router for both, since the guard asks each system's own routes alone which paths there are."""
_TYPES = (SongsForRequest, SongWhy, ServedSong, ListedSong, SongsFor, SongsLike)
describe(*_TYPES)
_REQUEST = msgspec.json.Decoder(SongsForRequest)
_ENCODER = msgspec.json.Encoder()


def service_routes(service: Service) -> FastRoutes:
    """Our call, answered by the guard."""

    def recommend(content: bytes, headers: Headers) -> Answer:
        wanted = _decoded(content)
        shelf, made = songs_for(service, wanted)
        case = ("offline" if made.is_personal else "popular") + (" + online" if made.is_online else "")
        head = _ENCODER.encode(SongsFor(wanted.user_id, case, shelf.version, []))
        songs = b",".join([shelf.listed_json(listed) for listed in made.songs])
        return Answer(200, (JSON, (b"x-model-version", shelf.version.encode())), b"%b%b]}" % (head[:-2], songs))

    return {("POST", path): (PATH, recommend) for path in (PATH, PATH.rstrip("/"))}


def _decoded(content: bytes) -> SongsForRequest:
    try:
        return _REQUEST.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error


_SONG = {"id": "SOBONKR12A58A7A7E0", "title": "You're The One", "artist": "Dwight Yoakam", "listeners": 912}
_LISTED = _SONG | {"score": 0.31, "why": {"kind": "popular", "text": "many listeners play this"}}


@router.post(
    PATH,
    summary="Songs for a listener",
    response_class=Response,
    responses=answers(
        ref(SongsFor),
        {"user_id": 22434, "case": "offline", "model_version": "v-9f86d081884c7d65", "songs": [_LISTED]},
        *(400, 404, 413, 415, 422, 503),
    ),
    openapi_extra=body(
        SongsForRequest,
        {"listener": {"user_id": 22434, "k": 10}, "somebody new": {"user_id": "client:ada", "merge": "round_robin"}},
    ),
)
async def recommend_songs(request: Request, service: Running) -> Response:
    """What was played minutes ago counts. Nothing that the listener knows or has just met is named; strangers get what
    most listeners play."""
    answer = service_routes(service)[("POST", PATH)][1](await request.body(), {})
    assert isinstance(answer, Answer)
    return Response(answer.body, 200, {"x-model-version": answer.headers[1][1].decode()}, "application/json")


@router.get(
    "/api/songs/{song_id}/similar",
    summary="Songs like this one",
    response_class=Response,
    responses=answers(ref(SongsLike), {"song": _SONG, "similar": [_SONG]}, 404, 422, 503),
)
async def similar_songs(
    service: Running,
    song_id: Annotated[str, UrlPath(min_length=1, max_length=256, examples=["SOBONKR12A58A7A7E0"])],
    k: Annotated[int, Query(ge=1, le=50)] = 10,
    experiment: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> Response:
    """By the listeners, artists and playlists that they have in common."""
    shelf = shelves(service.settings).get(experiment)
    row = shelf.row_of(song_id)
    if row is None:
        raise Problem(404, f"No song has the id {song_id[:64]!r}.")
    near = [shelf.song(other) for other, _ in shelf.served.neighbours(row, k)]
    return _json(SongsLike(shelf.song(row), near), shelf)


def _json(content: msgspec.Struct, shelf: SongShelf) -> Response:
    return Response(_ENCODER.encode(content), 200, {"x-model-version": shelf.version}, "application/json")

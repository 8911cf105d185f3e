"""Recommendations with reasons, lists for songs, and playlists."""

import time
from collections.abc import Iterator
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response

from buddies_core.artifact.listeners import LISTENER
from buddies_serving.http.guard import KEY
from buddies_serving.http.openapi import answers, body, ref
from buddies_serving.http.problems import Problem, from_decoding, invalid
from buddies_serving.model.by_songs import can_fold_in, find_song, fold_in, similar
from buddies_serving.model.explain import card, like_what_you_liked, reason, song, taste
from buddies_serving.model.served_model import ServedModel
from buddies_serving.model.who import remembered_as
from buddies_serving.routes.contract import Running
from buddies_serving.service import Service
from buddies_serving.types import api as types

router = APIRouter(prefix="/api", tags=["recommend"])
_SONGS = msgspec.json.Decoder(types.SongsRequest)
_LARGEST = 2_147_483_647
_SONGS_FOR_A_REQUEST = 10
"""Songs in a call that cost its API key as much as one request."""

UserId = Annotated[
    str,
    Path(
        pattern=f"^[0-9]{{1,10}}$|{LISTENER}",
        description="Index, 40-hex id, or `client:` and a name.",
        examples=["22434"],
    ),
]
PlaylistId = Annotated[int, Path(ge=0, le=_LARGEST, description="MPD pid.", examples=[28783])]
ListLength = Annotated[int, Query(ge=1, le=50, description="Playlists wanted.")]
Skipped = Annotated[int, Query(ge=0, le=50, description="Playlists of the list to leave out, from its first.")]
_WHY = {"kind": "buddy", "buddy": 7, "similarity": 0.31, "shared_songs": 12, "songs": []}
_CARD = {"playlist": 28783, "name": "road trip", "tracks": 61, "followers": 3}


def json_answer(content: msgspec.Struct, headers: dict[str, str] | None = None) -> Response:
    """A struct as a JSON answer."""
    return Response(msgspec.json.encode(content), 200, headers, "application/json")


@router.get(
    "/users/{user_id}/recommendations",
    summary="A user's playlists, with the reasons",
    response_class=Response,
    responses=answers(
        ref(types.UserRecommendations),
        {
            **{"user": 22434, "cold": False, "model_version": "v7", "arm": "champion"},
            **{"recommendation_id": "a.9f86d081884c7d65c0ffee123456.v7", "playlists": [{**_CARD, "why": _WHY}]},
        },
        *(422, 503),
        listed=True,
    ),
)
async def recommendations(
    user_id: UserId, service: Running, k: ListLength = 5, skip: Skipped = 0, explain: bool = False
) -> Response:
    """`skip` leaves out the first of the list, as somebody who saw them asks; `explain` adds the buddy who owns each
    playlist, how close they are, and some of the songs shared."""
    named = int(user_id) if user_id.isdigit() and len(user_id) <= 10 else user_id
    if isinstance(named, int) and named > _LARGEST:
        raise invalid("user_id", f"must be {_LARGEST} at most")
    started = time.perf_counter()
    serving = service.recommender.serving()
    user, arm = service.recommender.resolve(serving, named)
    model = serving.model(arm)
    index = remembered_as(serving.champion, named)
    known = service.remembered.of(index)
    pids = serving.top(arm, user, skip + k, known)[skip:]
    rows = [model.find_playlist(pid) for pid in pids]
    found = [row for row in rows if row is not None]
    by_deeds = serving.lists_by_deeds(arm, user, known)
    songs = serving.songs_known(arm, user, known) if by_deeds else None
    cards = await service.turns.all(_cards(service, model, user, found, explain, songs))
    cold = model.is_cold(user) and not by_deeds
    identity = service.recommender.ids.for_list(arm, model.version, index, pids)
    service.usage.one(serving, user, arm)
    service.metrics.inferences.observe(time.perf_counter() - started)
    service.metrics.recommended_users += 1
    service.metrics.cold_users += cold
    service.metrics.list_lengths.observe(len(pids))
    asked = index if index >= 0 else None
    answer = types.UserRecommendations(asked, cold, model.version, arm, identity, cards)
    return json_answer(answer, {"x-model-version": model.version, "x-recommendation-id": identity})


@router.post(
    "/recommend/from-songs",
    summary="Playlists for a listener known by songs",
    response_class=Response,
    responses=answers(
        ref(types.SongsRecommendations),
        {
            **{"method": "fold-in", "unknown": [], "model_version": "v7", "playlists": [{**_CARD, "why": None}]},
            "recommendation_id": "m.9f86d081884c7d65c0ffee123456.v7",
        },
        *(400, 413, 415, 422, 503),
        listed=True,
    ),
    openapi_extra=body(
        types.SongsRequest, {"typed": {"songs": [{"title": "You're The One", "artist": "Dwight Yoakam"}], "k": 5}}
    ),
)
async def from_songs(request: Request, service: Running) -> Response:
    """Folds the listener into the model where it can (`fold-in`), else answers with the most liked playlists."""
    content = await request.body()
    try:
        wanted = _SONGS.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error
    for place, query in enumerate(wanted.songs):
        if query.id is None and not (query.title and query.artist):
            raise invalid(f"songs[{place}]", "needs an id, or a title and an artist")
    started = time.perf_counter()
    model = service.recommender.serving().champion
    service.charge(request.scope.get(KEY), len(wanted.songs) / _SONGS_FOR_A_REQUEST)
    found = await service.turns.all(find_song(model, query) for query in wanted.songs)
    songs = sorted({row for row in found if row is not None})
    if songs and can_fold_in(model):
        method, rows = "fold-in", await service.heavy.in_thread(lambda: fold_in(model, songs, wanted.k))
    else:
        method, rows = "most-liked", model.popular[: wanted.k]
        service.metrics.cold_users += 1
    service.metrics.inferences.observe(time.perf_counter() - started)
    service.metrics.recommended_users += 1
    service.metrics.list_lengths.observe(len(rows))
    identity = service.recommender.ids.for_many(model.version)
    unknown = [place for place, row in enumerate(found) if row is None]
    cards = [card(model, row) for row in rows]
    answer = types.SongsRecommendations(method, unknown, model.version, identity, cards)
    return json_answer(answer, {"x-model-version": model.version, "x-recommendation-id": identity})


@router.get(
    "/playlists/{playlist_id}",
    summary="A playlist",
    response_class=Response,
    responses=answers(ref(types.PlaylistDetail), {**_CARD, "owner": 7, "songs": []}, 404, 422, 503),
)
async def playlist(playlist_id: PlaylistId, service: Running) -> Response:
    """Name, size, owner, and up to 200 of its songs."""
    model, row = _find(service, playlist_id)
    shown = card(model, row)
    owner = int(model.arrays["playlist_owner"][row])
    hidden = service.opt_out.hides(model, owner)
    songs = [song(model, int(index)) for index in model.row("playlist_library", row)[:200]]
    detail = types.PlaylistDetail(
        playlist_id, shown.name, shown.tracks, shown.followers, None if hidden else owner, songs
    )
    return json_answer(detail, {"x-model-version": model.version})


@router.get(
    "/playlists/{playlist_id}/similar",
    summary="Playlists like this one",
    response_class=Response,
    responses=answers(
        ref(types.SimilarPlaylists),
        {"playlist": 28783, "method": "embeddings", "similar": [{**_CARD, "similarity": 0.93}]},
        *(404, 422, 503),
    ),
)
async def similar_playlists(playlist_id: PlaylistId, service: Running, k: ListLength = 5) -> Response:
    """By cosine of the embeddings, or of the songs where the model has none."""
    model, row = _find(service, playlist_id)
    method, found = await service.heavy.in_thread(lambda: similar(model, row, k))
    listed = []
    for other, value in found:
        shown = card(model, other)
        listed.append(types.SimilarPlaylist(shown.playlist, shown.name, shown.tracks, shown.followers, round(value, 4)))
    return json_answer(types.SimilarPlaylists(playlist_id, method, listed), {"x-model-version": model.version})


@router.get(
    "/users",
    summary="Some users to try",
    response_class=Response,
    responses=answers(ref(types.UserSample), {"users": [22434], "tastes": [["Dwight Yoakam"]]}, 422, 503),
)
async def users(service: Running, limit: Annotated[int, Query(ge=1, le=100)] = 12) -> Response:
    """Users spread evenly over the index, those first who have candidates, with the artists they play most."""
    model = service.recommender.serving().champion
    step = max(1, model.users // (4 * limit))
    spread = range(0, model.users, step)
    personal = [user for user in spread if not model.is_cold(user)]
    chosen = personal[:: max(1, len(personal) // limit)][:limit] or list(spread)[:limit]
    return json_answer(
        types.UserSample(chosen, [[] if service.opt_out.hides(model, user) else taste(model, user) for user in chosen])
    )


def _cards(
    service: Service, model: ServedModel, user: int | None, rows: list[int], explain: bool, known: np.ndarray | None
) -> Iterator[types.PlaylistCard]:
    """Cards of playlists; explained, each says why it is there, by the songs `known` where the list is made of them."""
    for row in rows:
        why = None
        if explain and known is not None:
            why = like_what_you_liked(model, row, known)
        elif explain:
            why = reason(model, user, row, service.opt_out)
        yield card(model, row, why)


def _find(service: Service, pid: int) -> tuple[ServedModel, int]:
    model = service.recommender.serving().champion
    row = model.find_playlist(pid)
    if row is None:
        raise Problem(404, f"Playlist {pid} does not exist.")
    return model, row

"""Songs for a listener: the reference's three calls as they are, ours with reasons, and songs like a song.

Everything is looked up in the artifact that the graph publishes; what the listener played minutes ago joins it at the
request. Who is asked about goes by what the service calls them, or by the id that the artifact's plays had.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as UrlPath

from buddies_core.artifact.listeners import CLIENT, LISTENER, listener_id, stand_in
from buddies_core.artifact.named_arrays import Artifact
from buddies_core.artifact.served_songs import DEFAULT, SYSTEM, Listed, Reason, ServedSongs
from buddies_serving.found import HotRoutes
from buddies_serving.http.answers import JSON, Answer, Headers
from buddies_serving.http.openapi import answers, body, describe, ref
from buddies_serving.http.problems import Problem, from_decoding, invalid
from buddies_serving.listeners.fresh_songs import Heard as HeardNames
from buddies_serving.model.by_songs import FindSong
from buddies_serving.model.experiments import Experiments
from buddies_serving.model.song_lists import Heard, Merge, SongList, song_list
from buddies_serving.routes.contract import Running
from buddies_serving.service import Service
from buddies_serving.settings import ServingSettings
from buddies_serving.types import api as api_types
from buddies_serving.types.feedback import SongName

PATH = "/api/songs/recommend/"
router = APIRouter(tags=["songs"])
_LAST = 10
"""Events that the reference's `/get` answers at most, and songs that its `/recommend` does."""
_KEPT = 100_000
_IS_LISTENER = re.compile(LISTENER).fullmatch
Count = Annotated[int, msgspec.Meta(ge=1, le=50)]
UserName = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}$")]
SongId = Annotated[str, Query(min_length=1, max_length=256, examples=["SOBONKR12A58A7A7E0"])]
ReferenceUser = Annotated[
    str,
    Query(pattern=r"^[!-~]{1,200}$", description="Number, 40-hex id, or what the plays call them.", examples=["22434"]),
]
ReferenceCount = Annotated[int, Query(ge=1, le=_LAST)]


class SongsForRequest(msgspec.Struct, frozen=True):
    """Who asks, and for how many songs.

    `per_artist`: songs of one artist in any ten, 0 for as many as come. `merge`: how songs like those of late join the
    offline list, by chance (`score`) or by turns of the sources before it (`round_robin`).
    """

    user_id: api_types.UserIndex | UserName
    k: Count = 10
    per_artist: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    merge: Merge = "score"
    experiment: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class SongWhy(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a song is named. `kind`: `played`, `artist` or `listeners` (of `song`), or `popular`; `text` says it."""

    kind: str
    text: str
    song: str = ""


class ServedSong(msgspec.Struct, frozen=True, omit_defaults=True):
    """A song of the catalogue; empty and 0 where unknown."""

    id: str
    title: str = ""
    artist: str = ""
    release: str = ""
    year: int = 0
    uri: str = ""
    listeners: int = 0


class ListedSong(ServedSong, frozen=True, omit_defaults=True, kw_only=True):
    """A song of a list: the chance that the listener plays it, and why it is there."""

    score: float
    why: SongWhy


class SongsFor(msgspec.Struct, frozen=True):
    """A listener's songs. `case`: `offline` or, for strangers, `popular`; `+ online` where songs of late counted."""

    user_id: int | str
    case: str
    model_version: str
    songs: list[ListedSong]


class SongsLike(msgspec.Struct, frozen=True):
    """Songs that the same listeners play, the likeliest first."""

    song: ServedSong
    similar: list[ServedSong]


class ReferenceSongs(msgspec.Struct, frozen=True):
    """The reference's answer: ids of songs, best first."""

    user_id: int | str
    item_ids: list[str]


class ReferenceEvents(msgspec.Struct, frozen=True):
    """The last songs of a listener, the newest first."""

    user_id: int | str
    events: list[str]


class ReferenceStored(msgspec.Struct, frozen=True):
    """The event is stored."""

    result: str


_TYPES = (SongsForRequest, SongWhy, ServedSong, ListedSong, SongsFor, SongsLike)
describe(*_TYPES, ReferenceSongs, ReferenceEvents, ReferenceStored)
_REQUEST = msgspec.json.Decoder(SongsForRequest)
_ENCODER = msgspec.json.Encoder()


class SongShelf:
    """One version as routes want it: songs as text are kept, since the same ones are asked for again and again."""

    def __init__(self, artifact: Artifact) -> None:
        # without the memmap subclass, whose slicing costs several times an array's
        plain = {name: np.asarray(array) for name, array in artifact.arrays.items()}
        self.served = ServedSongs(Artifact(artifact.version, artifact.facts, plain))
        self.version = artifact.version
        self.row_of: Callable[[str], int | None] = lru_cache(_KEPT)(self.served.find_song)
        self.song: Callable[[int], ServedSong] = lru_cache(_KEPT)(self._song)
        self.why: Callable[[Reason, int, str], SongWhy] = lru_cache(_KEPT)(self._why)

    def heard(self, names: HeardNames) -> Heard:
        """The rows of what a listener did of late, as far as the catalogue has them."""
        found = [(self.row_of(name.id), kind) for name, (_, kind) in names.items() if name.id is not None]
        met = [(row, kind) for row, kind in found if row is not None]
        return Heard([row for row, _ in met], [row for row, kind in met if kind != "skip"])

    def listed(self, listed: Listed) -> ListedSong:
        """A song of a list with its reason."""
        song = self.song(listed.song)
        return ListedSong(
            *(song.id, song.title, song.artist, song.release, song.year, song.uri, song.listeners),
            score=round(listed.score, 6),
            why=self.why(listed.reason, listed.because, song.artist if listed.reason == Reason.ARTIST else ""),
        )

    def _why(self, reason: Reason, because: int, artist: str) -> SongWhy:
        of = self.song(because) if because >= 0 else None
        named = "" if of is None else f"{of.title} by {of.artist}" if of.title else "a song without a known title"
        match reason:
            case Reason.PLAYED if of is not None:
                return SongWhy("played", f"because you played {named}", of.id)
            case Reason.ARTIST if of is not None:
                return SongWhy("artist", f"you play {artist}, such as {of.title}", of.id)
            case Reason.LISTENERS if of is not None:
                return SongWhy("listeners", f"listeners of {named} also play this", of.id)
            case Reason.POPULAR:
                return SongWhy("popular", "many listeners play this")
        return SongWhy("listeners", "listeners who play what you play also play this")

    def _song(self, row: int) -> ServedSong:
        song = self.served.song(row)
        return ServedSong(song.id, song.title, song.artist, song.release, song.year, song.uri, song.listeners)


_OPEN: dict[Path, Experiments[SongShelf]] = {}


def _shelves(settings: ServingSettings) -> Experiments[SongShelf]:
    """What is served of songs in a home; one object a process and home."""
    root = settings.local_home / SYSTEM
    found = Experiments(
        root, SongShelf, poll_seconds=settings.model_poll_seconds, default=DEFAULT, made_by="buddies run --system songs"
    )
    return _OPEN.setdefault(root, found)


def find_song(settings: ServingSettings) -> FindSong:
    """How events find songs that the playlists' model lacks: by any of their ids."""
    shelves = _shelves(settings)

    def find(query: api_types.SongQuery) -> SongName | None:
        if query.id is None or not shelves.names():
            return None
        return None if shelves.get(None).row_of(query.id) is None else SongName(query.id, None)

    return find


class _Who(NamedTuple):
    """Somebody: the row in the artifact, the number that the service remembers them by, and their name for events."""

    row: int | None
    number: int
    name: int | str


def _who(service: Service, shelf: SongShelf, named: int | str) -> _Who:
    """Who is meant by a number of the playlists' model, by an id, or by what the plays or a client call them."""
    serving = service.watcher.serving
    model = None if serving is None else serving.champion
    find = shelf.served.find_user
    if isinstance(named, int) and model is not None and named < model.users and (key := model.user_id(named)):
        return _Who(find(key), named, named)
    text = str(named)
    name = text if _IS_LISTENER(text) else f"{CLIENT}{text}"
    key = listener_id(name)
    number = None if model is None else model.find_user(key)
    row = find(key)
    return _Who(
        find(name.removeprefix(CLIENT)) if row is None else row, stand_in(key) if number is None else number, name
    )


def _made(service: Service, wanted: SongsForRequest) -> tuple[SongShelf, SongList]:
    shelf = _shelves(service.settings).get(wanted.experiment)
    who = _who(service, shelf, wanted.user_id)
    heard = shelf.heard(service.remembered.songs.of(who.number))
    made = song_list(shelf.served, who.row, heard, count=wanted.k, per_artist=wanted.per_artist, merge=wanted.merge)
    return shelf, made


def service_routes(service: Service) -> HotRoutes:
    """Our call, answered by the guard."""

    def recommend(content: bytes, headers: Headers) -> Answer:
        wanted = _decoded(content)
        shelf, made = _made(service, wanted)
        case = ("offline" if made.is_personal else "popular") + (" + online" if made.is_online else "")
        songs = [shelf.listed(listed) for listed in made.songs]
        answer = SongsFor(wanted.user_id, case, shelf.version, songs)
        return Answer(200, (JSON, (b"x-model-version", shelf.version.encode())), _ENCODER.encode(answer))

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
    shelf = _shelves(service.settings).get(experiment)
    row = shelf.row_of(song_id)
    if row is None:
        raise Problem(404, f"No song has the id {song_id[:64]!r}.")
    near = [shelf.song(other) for other, _ in shelf.served.neighbours(row, k)]
    return _json(SongsLike(shelf.song(row), near), shelf)


@router.post(
    "/recommend",
    summary="The reference's call: songs for a listener, by id",
    response_class=Response,
    responses=answers(ref(ReferenceSongs), {"user_id": 22434, "item_ids": ["SOBONKR12A58A7A7E0"]}, 404, 422, 503),
)
async def reference_recommend(service: Running, user_id: ReferenceUser, k: ReferenceCount = _LAST) -> Response:
    """Offline, or popular for strangers, with the songs like those of late among them."""
    named = _named(user_id)
    shelf, made = _made(service, SongsForRequest(named, k))
    return _json(ReferenceSongs(named, [shelf.song(listed.song).id for listed in made.songs]), shelf)


@router.post(
    "/put",
    summary="The reference's call: a listener plays a song",
    response_class=Response,
    responses=answers(ref(ReferenceStored), {"result": "ok"}, 404, 422, 503),
)
async def reference_put(service: Running, user_id: ReferenceUser, item_id: SongId) -> Response:
    """The same as a `play` at `/api/events/`: answers when it is on disk."""
    shelf = _shelves(service.settings).get(None)
    if shelf.row_of(item_id) is None:
        raise invalid("item_id", f"no song has the id {item_id[:64]!r}")
    name = _who(service, shelf, _named(user_id)).name
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
    shelf = _shelves(service.settings).get(None)
    heard = service.remembered.songs.of(_who(service, shelf, named).number)
    played = [name.id for name, (_, kind) in heard.items() if name.id is not None and kind != "skip"]
    return _json(ReferenceEvents(named, played[: -k - 1 : -1]), shelf)


def _named(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else text


def _json(content: msgspec.Struct, shelf: SongShelf) -> Response:
    return Response(_ENCODER.encode(content), 200, {"x-model-version": shelf.version}, "application/json")

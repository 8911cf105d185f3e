"""The next track and the rest of a playlist: from songs, a title, or both, with a reason for each song.

Answers come from the artifact of `buddies fit-playlists`, worked out in a thread: the event loop waits for nobody.
`/recommendations` has the shape of the call by seeds that Spotify withdrew in November 2024.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request, Response

from buddies_core.artifact.named_arrays import Artifact
from buddies_core.sequences.answers import SYSTEM, Named, ServedSequences, Wish
from buddies_core.sequences.models import CONTINUE, NEXT
from buddies_serving.http.openapi import answers, body, describe, ref
from buddies_serving.http.problems import Problem, from_decoding, invalid
from buddies_serving.model.experiments import Experiments
from buddies_serving.settings import ServingSettings
from buddies_serving.types.sequences import (
    SCHEMAS,
    ContinueRequest,
    Neighbours,
    NextSong,
    NextSongs,
    NextTrackRequest,
    Predictions,
    PredictRequest,
    SpotifyArtist,
    SpotifyRecommendations,
    SpotifySeed,
    SpotifyTrack,
    Why,
)

DEFAULT = "mpd"
describe(*SCHEMAS)
router = APIRouter(tags=["songs"])
T = TypeVar("T")
_ENCODER = msgspec.json.Encoder()


class _Shared:
    """An artifact's answers, one request at a time: they share tables that are cleared after each."""

    def __init__(self, artifact: Artifact) -> None:
        self.version = artifact.version
        self._served = ServedSequences(artifact.arrays)
        self._turn = threading.Lock()

    async def ask(self, question: Callable[[ServedSequences], T]) -> T:
        """The answer, worked out in a thread."""
        return await asyncio.to_thread(self._in_turn, question)

    def _in_turn(self, question: Callable[[ServedSequences], T]) -> T:
        with self._turn:
            return question(self._served)


_OPEN: dict[Path, Experiments[_Shared]] = {}


def _shared(request: Request, task: str = CONTINUE) -> _Shared:
    """What answers a task: the system's own version of the graph, or else what `buddies fit-playlists` stored."""
    settings: ServingSettings = request.app.state.service.settings
    root = settings.local_home / SYSTEM
    known = _OPEN.get(root)
    if known is None:
        known = Experiments(root, _Shared, poll_seconds=settings.model_poll_seconds, default=DEFAULT)
        _OPEN[root] = known
    names = known.names()
    if task not in names and DEFAULT not in names:
        raise Problem(
            404, f"No model of playlists is fitted yet: run `buddies fit-playlists` or `buddies run --system {task}`."
        )
    return known.get(task if task in names else DEFAULT)


def _decoded(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error


def _wish(wanted: NextTrackRequest | ContinueRequest) -> Wish:
    tracks = [track if isinstance(track, str) else (track.title, track.artist) for track in wanted.tracks[-500:]]
    return Wish(
        tracks, getattr(wanted, "title", ""), wanted.n, wanted.exclude, wanted.max_per_artist, wanted.fresh,
        wanted.popularity, getattr(wanted, "order", "score") == "flow", getattr(wanted, "threshold", None),
    )  # fmt: skip


def _songs(named: list[Named]) -> list[NextSong]:
    return [
        NextSong(
            song.uri, song.title, song.artist, round(song.score, 4),
            Why(song.why.kind, song.why.of, song.why.playlists),
            None if song.probability is None else round(song.probability, 4),
        )
        for song in named
    ]  # fmt: skip


def _json(content: msgspec.Struct, version: str) -> Response:
    return Response(_ENCODER.encode(content), 200, {"x-model-version": version}, "application/json")


async def _answered(request: Request, task: str, wanted: NextTrackRequest | ContinueRequest) -> Response:
    shared = _shared(request, task)
    pid = getattr(wanted, "playlist", None)

    def question(served: ServedSequences) -> tuple[list[bool], list[Named]] | None:
        wish = _wish(wanted)
        if pid is None:
            return served.answer(task, wish)
        found = served.playlist(pid)
        if found is None:
            return None
        return served.answer(task, replace(wish, tracks=[*found[0], *wish.tracks][-500:], title=wish.title or found[1]))

    answered = await shared.ask(question)
    if answered is None:
        raise Problem(404, f"No playlist has the id {pid}: give its `pid` in the data, or send its songs as `tracks`.")
    known, named = answered
    return _json(NextSongs(shared.version, known, _songs(named)), shared.version)


_URI = "spotify:track:4uLU6hMCjMI75M1A2tKUQC"
_EXAMPLE = {
    "model": "v-0123456789abcdef", "known": [True],
    "tracks": [{"track_uri": _URI, "title": "Aerial", "artist": "Ana", "score": 2.1,
                "why": {"kind": "follows", "of": _URI, "playlists": 12}}],
}  # fmt: skip


@router.post(
    "/api/track/next/",
    summary="Which song comes next",
    response_class=Response,
    responses=answers(ref(NextSongs), _EXAMPLE, *(400, 404, 413, 415, 422, 503)),
    openapi_extra=body(NextTrackRequest, {"songs": {"tracks": [_URI, {"title": "Aerial", "artist": "Ana"}], "n": 5}}),
)
async def next_track(request: Request) -> Response:
    """By what follows what in playlists. The same body, model and `fresh` give the same bytes."""
    return await _answered(request, NEXT, _decoded(await request.body(), NextTrackRequest))


@router.post(
    "/api/playlist/continue/",
    summary="What else belongs to a playlist",
    response_class=Response,
    responses=answers(ref(NextSongs), _EXAMPLE, *(400, 404, 413, 415, 422, 503)),
    openapi_extra=body(ContinueRequest, {"title": {"title": "road trip", "n": 20, "order": "flow"}}),
)
async def continue_playlist(request: Request) -> Response:
    """By its songs, its artists and its title; nothing known of any gets what is popular, marked as filler."""
    return await _answered(request, CONTINUE, _decoded(await request.body(), ContinueRequest))


@router.get(
    "/api/track/{uri}/neighbours",
    summary="Songs near a song",
    response_class=Response,
    responses=answers(ref(Neighbours), {"model": _EXAMPLE["model"], "tracks": _EXAMPLE["tracks"]}, 404, 422, 503),
)
async def neighbours(request: Request, uri: str, n: Annotated[int, Query(ge=1, le=200)] = 20) -> Response:
    """Within 20 steps in playlists."""
    shared = _shared(request, NEXT)

    def question(served: ServedSequences) -> list[Named] | None:
        song = served.song(uri)
        return None if song is None else served.neighbours(song, n)

    found = await shared.ask(question)
    if found is None:
        raise Problem(404, f"No playlist holds {uri[:64]!r}.")
    return _json(Neighbours(shared.version, _songs(found)), shared.version)


@router.get("/v1/recommendations", include_in_schema=False)
@router.get(
    "/recommendations",
    summary="Songs by seeds, in the shape of Spotify's withdrawn call",
    response_class=Response,
    responses=answers(ref(SpotifyRecommendations), {"tracks": [], "seeds": []}, 404, 422, 503),
)
async def recommendations(
    request: Request,
    seed_tracks: Annotated[
        str, Query(min_length=1, max_length=200, description="Up to five ids or URIs, with commas.")
    ],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Also under `/v1/`, so that a client needs another base address alone. Seeds that nobody knows count nothing."""
    shared = _shared(request)
    ids = [seed.strip().rpartition(":")[2] for seed in seed_tracks.split(",") if seed.strip()]
    if not ids:
        raise invalid("seed_tracks", "names no track; give ids with commas between")
    wish = Wish([f"spotify:track:{seed}" for seed in ids], n=limit)
    known, named = await shared.ask(lambda served: served.answer(CONTINUE, wish))
    tracks = [SpotifyTrack(s.uri.rpartition(":")[2], s.uri, s.title, [SpotifyArtist(s.artist)]) for s in named]
    pool = len(named)
    seeds = [
        SpotifySeed(seed, pool * there, pool * there, pool * there) for seed, there in zip(ids, known, strict=True)
    ]
    return _json(SpotifyRecommendations(tracks, seeds), shared.version)


@router.post(
    "/v1/models/track2vec:predict",
    summary="The tutorial's call: songs that follow a song",
    response_class=Response,
    responses=answers(ref(Predictions), {"predictions": {"output_2": ["Ana-Aerial"]}}, *(400, 404, 413, 415, 422, 503)),
    openapi_extra=body(PredictRequest, {"song": {"instances": ["Ana-Aerial"]}}),
)
async def predict(request: Request) -> Response:
    """Every split of `Artist-Title` is tried, since either may hold a hyphen itself."""
    wanted = _decoded(await request.body(), PredictRequest)
    shared = _shared(request, NEXT)

    def question(served: ServedSequences) -> list[Named]:
        tracks = [_split(served, text) for text in wanted.instances]
        return served.answer(NEXT, Wish(tracks, n=100, max_per_artist=0))[1]

    named = await shared.ask(question)
    return _json(Predictions({"output_2": [f"{song.artist}-{song.title}" for song in named]}), shared.version)


def _split(served: ServedSequences, text: str) -> tuple[str, str]:
    """Title and artist of `Artist-Title`: the first split that names a known song, or else the first."""
    places = [place for place, character in enumerate(text) if character == "-"] or [len(text)]
    splits = [(text[place + 1 :].strip() or text, text[:place].strip() or text) for place in places[:20]]
    return next((split for split in splits if served.song(split) is not None), splits[0])

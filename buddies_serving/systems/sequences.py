"""The next track and the rest of a playlist: from songs, a title, or both, with a reason for each song.

Answers come from the artifact of `buddies fit-playlists`, worked out in a thread: the event loop waits for nobody.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from buddies_core.sequences.answers import ServedSequences
from buddies_core.sequences.models import CONTINUE, NEXT
from buddies_core.sequences.wish import Named, Wish
from buddies_serving.http.openapi import answers, body, describe, ref
from buddies_serving.http.problems import Problem
from buddies_serving.model.by_songs import FindSong
from buddies_serving.model.served_sequences import any_served, decoded, is_fitted, json_of, served_by
from buddies_serving.settings import ServingSettings
from buddies_serving.types.api import SongQuery
from buddies_serving.types.feedback import SongName
from buddies_serving.types.sequences import (
    SCHEMAS,
    ContinueRequest,
    FoundTrack,
    FoundTracks,
    Neighbours,
    NextSong,
    NextSongs,
    NextTrackRequest,
    Why,
)

describe(*SCHEMAS)
router = APIRouter(tags=["songs"])


def _wish(wanted: NextTrackRequest | ContinueRequest) -> Wish:
    tracks = [track if isinstance(track, str) else (track.title, track.artist) for track in wanted.tracks[-500:]]
    return Wish(
        tracks, getattr(wanted, "title", ""), wanted.n, wanted.exclude, wanted.max_per_artist, wanted.fresh,
        wanted.popularity, getattr(wanted, "order", "score") == "flow", getattr(wanted, "threshold", None),
        getattr(wanted, "odds", False),
    )  # fmt: skip


def _songs(served: ServedSequences, named: list[Named]) -> list[NextSong]:
    return [
        NextSong(
            song.uri, song.title, song.artist, round(song.score, 4),
            Why(song.why.kind, song.why.of, served.title_of(song.why.of), song.why.playlists),
            None if song.probability is None else round(song.probability, 4),
        )
        for song in named
    ]  # fmt: skip


async def _answered(request: Request, task: str, wanted: NextTrackRequest | ContinueRequest) -> Response:
    shared = served_by(request.app.state.service.settings, task)
    pid = getattr(wanted, "playlist", None)

    def question(served: ServedSequences) -> NextSongs | None:
        wish = _wish(wanted)
        if pid is not None:
            found = served.playlist(pid)
            if found is None:
                return None
            wish = replace(wish, tracks=[*found[0], *wish.tracks][-500:], title=wish.title or found[1])
        known, named = served.answer(task, wish)
        return NextSongs(shared.version, known, _songs(served, named))

    found = await shared.ask(question)
    if found is None:
        raise Problem(404, f"No playlist has the id {pid}: give its `pid` in the data, or send its songs as `tracks`.")
    return json_of(found, shared.version)


def find_song(settings: ServingSettings) -> FindSong:
    """How events find songs that playlists hold: by any URI, or by title and artist."""

    def find(query: SongQuery) -> SongName | None:
        if not is_fitted(settings):
            return None
        key = any_served(settings).key_of(query.id if query.id is not None else (query.title or "", query.artist or ""))
        return None if key is None else SongName(None, key)

    return find


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
    return await _answered(request, NEXT, decoded(await request.body(), NextTrackRequest))


@router.post(
    "/api/playlist/continue/",
    summary="What else belongs to a playlist",
    response_class=Response,
    responses=answers(ref(NextSongs), _EXAMPLE, *(400, 404, 413, 415, 422, 503)),
    openapi_extra=body(ContinueRequest, {"title": {"title": "road trip", "n": 20, "order": "flow"}}),
)
async def continue_playlist(request: Request) -> Response:
    """By its songs, its artists and its title; nothing known of any gets what is popular, marked as filler."""
    return await _answered(request, CONTINUE, decoded(await request.body(), ContinueRequest))


@router.get(
    "/api/track/{uri}/neighbours",
    summary="Songs near a song",
    response_class=Response,
    responses=answers(ref(Neighbours), {"model": _EXAMPLE["model"], "tracks": _EXAMPLE["tracks"]}, 404, 422, 503),
)
async def neighbours(request: Request, uri: str, n: Annotated[int, Query(ge=1, le=200)] = 20) -> Response:
    """Within 20 steps in playlists."""
    shared = served_by(request.app.state.service.settings, NEXT)

    def question(served: ServedSequences) -> list[NextSong] | None:
        song = served.song(uri)
        return None if song is None else _songs(served, served.neighbours(song, n))

    found = await shared.ask(question)
    if found is None:
        raise Problem(404, f"No playlist holds {uri[:64]!r}.")
    return json_of(Neighbours(shared.version, found), shared.version)


@router.get(
    "/api/tracks",
    summary="Songs of playlists, by a part of their text",
    response_class=Response,
    responses=answers(
        ref(FoundTracks), {"tracks": [{"track_uri": _URI, "title": "Aerial", "artist": "Ana"}]}, 404, 422
    ),
)
async def tracks(
    request: Request,
    search: Annotated[str, Query(max_length=200, description="A part of a title or an artist.")] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 6,
) -> Response:
    """Those that begin with it first, of these the most popular; without a search, the most popular songs."""
    shared = any_served(request.app.state.service.settings)

    def question(served: ServedSequences) -> list[FoundTrack]:
        songs = shared.found(search, limit)
        return [FoundTrack(served.uri(song), *served.text(song)) for song in songs]

    return json_of(FoundTracks(await shared.ask(question)), shared.version)

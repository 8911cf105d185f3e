"""Next track and continuation in the shapes of others: Spotify's withdrawn `/recommendations`, the tutorial's call."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from buddies_core.sequences.answers import ServedSequences
from buddies_core.sequences.models import CONTINUE, NEXT
from buddies_core.sequences.wish import Named, Wish
from buddies_serving.http.openapi import answers, body, ref
from buddies_serving.http.problems import invalid
from buddies_serving.model.served_sequences import any_served, decoded, json_of, served_by
from buddies_serving.types.sequences import (
    Predictions,
    PredictRequest,
    SpotifyArtist,
    SpotifyRecommendations,
    SpotifySeed,
    SpotifyTrack,
)

router = APIRouter(tags=["songs"])


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
    shared = any_served(request.app.state.service.settings)
    task = CONTINUE if CONTINUE in shared.tasks else NEXT
    ids = [seed.strip().rpartition(":")[2] for seed in seed_tracks.split(",") if seed.strip()]
    if not ids:
        raise invalid("seed_tracks", "names no track; give ids with commas between")
    wish = Wish([f"spotify:track:{seed}" for seed in ids], n=limit)
    known, named = await shared.ask(lambda served: served.answer(task, wish))
    tracks = [SpotifyTrack(s.uri.rpartition(":")[2], s.uri, s.title, [SpotifyArtist(s.artist)]) for s in named]
    pool = len(named)
    seeds = [
        SpotifySeed(seed, pool * there, pool * there, pool * there) for seed, there in zip(ids, known, strict=True)
    ]
    return json_of(SpotifyRecommendations(tracks, seeds), shared.version)


@router.post(
    "/v1/models/track2vec:predict",
    summary="The tutorial's call: songs that follow a song",
    response_class=Response,
    responses=answers(ref(Predictions), {"predictions": {"output_2": ["Ana-Aerial"]}}, *(400, 404, 413, 415, 422, 503)),
    openapi_extra=body(PredictRequest, {"song": {"instances": ["Ana-Aerial"]}}),
)
async def predict(request: Request) -> Response:
    """Every split of `Artist-Title` is tried, since either may hold a hyphen itself."""
    wanted = decoded(await request.body(), PredictRequest)
    shared = served_by(request.app.state.service.settings, NEXT)

    def question(served: ServedSequences) -> list[Named]:
        tracks = [_split(served, text) for text in wanted.instances]
        return served.answer(NEXT, Wish(tracks, n=100, max_per_artist=0))[1]

    named = await shared.ask(question)
    return json_of(Predictions({"output_2": [f"{song.artist}-{song.title}" for song in named]}), shared.version)


def _split(served: ServedSequences, text: str) -> tuple[str, str]:
    """Title and artist of `Artist-Title`: the first split that names a known song, or else the first."""
    places = [place for place, character in enumerate(text) if character == "-"] or [len(text)]
    splits = [(text[place + 1 :].strip() or text, text[:place].strip() or text) for place in places[:20]]
    return next((split for split in splits if served.song(split) is not None), splits[0])

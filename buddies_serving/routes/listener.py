"""What the listener page asks besides recommendations: songs that are known, by what is typed."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from buddies_serving.http.openapi import answers, ref
from buddies_serving.model.explain import song
from buddies_serving.model.served_model import ServedModel
from buddies_serving.model.song_search import SongSearch
from buddies_serving.routes.contract import Running
from buddies_serving.routes.recommend import json_answer
from buddies_serving.types import api as types

router = APIRouter(prefix="/api", tags=["recommend"])


class _Searches:
    """The search of the newest model that was asked for; one is kept, since models follow one another."""

    def __init__(self) -> None:
        self._version: str | None = None
        self._search: SongSearch | None = None
        self._building = asyncio.Lock()

    async def of(self, model: ServedModel) -> SongSearch:
        """The search of a model, made in a thread the first time."""
        async with self._building:
            if self._search is None or self._version != model.version:
                self._search = await asyncio.to_thread(SongSearch, model.song_titles, model.song_artists)
                self._version = model.version
            return self._search


_SEARCHES = _Searches()


@router.get(
    "/songs",
    summary="Songs that are known",
    response_class=Response,
    responses=answers(ref(types.SongSample), {"songs": [{"title": "Aerial", "artist": "Ana"}]}, 422, 503),
)
async def songs(
    service: Running,
    search: Annotated[str, Query(max_length=200, description="A part of a title or an artist.")] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 6,
) -> Response:
    """Songs whose text has what was typed, those that begin with it first; without a search, the first songs."""
    model = service.recommender.serving().champion
    found = (await _SEARCHES.of(model)).find(search, limit)
    return json_answer(types.SongSample([song(model, row) for row in found]), {"x-model-version": model.version})

"""Artists for a listener: the reference's call, the same with reasons, artists like another, and a page to judge by.

Every list was worked out when the model was fitted (`buddies fit`, or the asset served_artists): a request looks it up.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.templating import Jinja2Templates

from buddies_core.artifact.named_arrays import Artifact
from buddies_core.artifact.texts import TextColumn
from buddies_serving.found import FastRoutes
from buddies_serving.http.answers import JSON, PAGE_POLICY, Answer, Headers
from buddies_serving.http.openapi import answers, body, describe, ref
from buddies_serving.http.problems import Problem, from_decoding
from buddies_serving.model.experiments import Experiments
from buddies_serving.settings import ServingSettings

PATH = "/recommend/"
DEFAULT = "lastfm"
router = APIRouter(tags=["artists"])
_templates = Jinja2Templates(Path(__file__).parent.parent / "page")
Count = Annotated[int, msgspec.Meta(ge=1, le=50)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | Annotated[int, msgspec.Meta(ge=0)]


class ArtistsRequest(msgspec.Struct, frozen=True):
    """Who asks, for how many, and of which experiment."""

    userid: UserId
    item_to_recommend: Count = 10
    experiment: Name | None = None


class RecommendedArtists(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names, best first; `popular` where the listener is unknown and gets what most listeners have."""

    recommended_artist: list[str]
    popular: bool = False


class Artist(msgspec.Struct, frozen=True, omit_defaults=True):
    """An artist. `reason` is `because` (of `because_of`, which the listener plays), `alike` listeners, or `popular`."""

    id: str
    name: str
    url: str = ""
    picture: str = ""
    score: float | None = None
    reason: str = ""
    because_of: str = ""
    plays: float | None = None
    listeners: int = 0


class ArtistsDetail(msgspec.Struct, frozen=True):
    """A list beside what the listener plays most."""

    userid: str
    experiment: str
    version: str
    popular: bool
    recommended_artist: list[Artist]
    taste: list[Artist]


class SimilarArtists(msgspec.Struct, frozen=True):
    """Artists that the same listeners have and that are tagged alike, nearest first."""

    artist: Artist
    similar: list[Artist]


describe(ArtistsRequest, RecommendedArtists, Artist, ArtistsDetail, SimilarArtists)
_REQUEST = msgspec.json.Decoder(ArtistsRequest)
_ANSWER = msgspec.json.Encoder()


class ServedArtists:
    """One experiment: its arrays, and its texts by row."""

    def __init__(self, artifact: Artifact) -> None:
        self.version = artifact.version
        self.experiment = str(artifact.facts["experiment"])
        self._arrays = artifact.arrays
        texts = ("user", "item", "name", "url", "picture")
        self._texts = {
            name: TextColumn(artifact.arrays[f"{name}_offsets"], artifact.arrays[f"{name}_bytes"]) for name in texts
        }
        self._lists, self._popular = artifact.arrays["lists"], artifact.arrays["popular"]

    def find_user(self, user: int | str) -> int | None:
        """Row of a user by id."""
        return self._texts["user"].find(str(user))

    def find_item(self, item: str) -> int | None:
        """Row of an artist by id; ids are in order of number, so the order of their bytes is an array."""
        order, ids, wanted = self._arrays["item_order"], self._texts["item"], item.encode()
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) // 2
            if ids.raw(int(order[middle])) < wanted:
                low = middle + 1
            else:
                high = middle
        return int(order[low]) if low < len(order) and ids.raw(int(order[low])) == wanted else None

    def listed(self, row: int | None, count: int) -> tuple[list[int], bool]:
        """Rows of artists for a user, and whether they are the popular ones."""
        if row is not None:
            found = [item for item in self._lists[row, :count].tolist() if item >= 0]
            if found:
                return found, False
        return self._popular[:count].tolist(), True

    def name(self, item: int) -> str:
        """Name of an artist."""
        return self._texts["name"][item]

    def card(self, item: int) -> Artist:
        """An artist without a score."""
        texts = self._texts
        return Artist(
            texts["item"][item], texts["name"][item], texts["url"][item], texts["picture"][item],
            listeners=int(self._arrays["listeners"][item]),
        )  # fmt: skip

    def cards(self, row: int | None, items: list[int], popular: bool) -> list[Artist]:
        """Recommended artists with score and reason."""
        found = []
        for place, item in enumerate(items):
            if popular or row is None:
                found.append(msgspec.structs.replace(self.card(item), reason="popular"))
                continue
            score, cause = float(self._arrays["scores"][row, place]), int(self._arrays["because"][row, place])
            reason = {"reason": "because", "because_of": self.name(cause)} if cause >= 0 else {"reason": "alike"}
            found.append(msgspec.structs.replace(self.card(item), score=round(score, 4), **reason))
        return found

    def taste(self, row: int | None) -> list[Artist]:
        """What a listener plays most."""
        if row is None:
            return []
        pairs = zip(self._arrays["taste"][row].tolist(), self._arrays["plays"][row].tolist(), strict=True)
        return [msgspec.structs.replace(self.card(item), plays=plays) for item, plays in pairs if item >= 0]

    def similar(self, item: int, count: int) -> list[Artist]:
        """The nearest artists."""
        return [self.card(other) for other in self._arrays["similar"][item, :count].tolist() if other >= 0]


def _experiments(settings: ServingSettings) -> Experiments[ServedArtists]:
    """The experiments of a home; one object a process and home, which the fast path and the routes share."""
    return _OPEN.setdefault(
        settings.local_home / "artists",
        Experiments(
            settings.local_home / "artists", ServedArtists, poll_seconds=settings.model_poll_seconds, default=DEFAULT
        ),
    )


_OPEN: dict[Path, Experiments[ServedArtists]] = {}


def fast_routes(settings: ServingSettings) -> FastRoutes:
    """The reference's call, answered by the guard."""
    experiments = _experiments(settings)

    def recommend(content: bytes, headers: Headers) -> Answer:
        wanted = _decoded(content)
        served = experiments.get(wanted.experiment)
        items, popular = served.listed(served.find_user(wanted.userid), wanted.item_to_recommend)
        answer = RecommendedArtists([served.name(item) for item in items], popular)
        return Answer(200, (JSON, (b"x-model-version", served.version.encode())), _ANSWER.encode(answer))

    return {("POST", path): (PATH, recommend) for path in (PATH, PATH.rstrip("/"))}


def _decoded(content: bytes) -> ArtistsRequest:
    try:
        return _REQUEST.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error


_EXAMPLE = {"id": "51", "name": "Duran Duran", "score": 2.31, "reason": "because", "because_of": "Röyksopp"}


@router.post(
    PATH,
    summary="Artists for a listener",
    response_class=Response,
    responses=answers(
        {"anyOf": [ref(RecommendedArtists), ref(ArtistsDetail)]},
        {"recommended_artist": ["Duran Duran", "Röyksopp"]},
        *(400, 404, 413, 415, 422, 503),
    ),
    openapi_extra=body(ArtistsRequest, {"listener": {"userid": 2, "item_to_recommend": 10}}),
)
async def recommend(request: Request, detail: Annotated[int, Query(ge=0, le=1)] = 0) -> Response:
    """`detail=1` adds ids, scores, reasons and pages, and what the listener plays most."""
    settings = request.app.state.service.settings
    content = await request.body()
    if not detail:
        plain = fast_routes(settings)[("POST", PATH)][1](content, {})
        assert isinstance(plain, Answer)
        return Response(plain.body, plain.status, {"x-model-version": plain.headers[1][1].decode()}, "application/json")
    wanted = _decoded(content)
    served = _experiments(settings).get(wanted.experiment)
    row = served.find_user(wanted.userid)
    items, popular = served.listed(row, wanted.item_to_recommend)
    return _json(
        ArtistsDetail(
            *(str(wanted.userid), served.experiment, served.version, popular),
            *(served.cards(row, items, popular), served.taste(row)),
        ),
        served.version,
    )


@router.get(
    "/artists/{artist_id}/similar",
    summary="Artists like this one",
    response_class=Response,
    responses=answers(ref(SimilarArtists), {"artist": _EXAMPLE, "similar": [_EXAMPLE]}, 404, 422, 503),
)
async def similar(
    request: Request,
    artist_id: str,
    k: Annotated[int, Query(ge=1, le=20)] = 10,
    experiment: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> Response:
    """By common listeners and tags."""
    served = _experiments(request.app.state.service.settings).get(experiment)
    item = served.find_item(artist_id)
    if item is None:
        raise Problem(404, f"The experiment {served.experiment!r} has no artist {artist_id[:64]!r}.")
    return _json(SimilarArtists(served.card(item), served.similar(item, k)), served.version)


@router.get("/artists", include_in_schema=False)
async def page(request: Request) -> Response:
    """The page, for everybody: its calls carry a key of their own. A listener's list beside what the listener plays."""
    names = _experiments(request.app.state.service.settings).names()
    shown = {"root": request.scope["root_path"], "experiments": names, "chosen": DEFAULT}
    headers = {"content-security-policy": PAGE_POLICY.decode()}
    return _templates.TemplateResponse(request, "artists.html", shown, headers=headers)


def _json(content: msgspec.Struct, version: str) -> Response:
    return Response(_ANSWER.encode(content), 200, {"x-model-version": version}, "application/json")

"""Simulated listeners at a running service: they ask for lists at random times, like by their preferences, and say so.

Times are of a clock of the simulation's own: two weeks are spread evenly over the lists to ask for, and go by as fast
as the service answers.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock, local
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import numpy as np

from buddies_assets.simulation.listeners import CHOICE, MOMENT, PICK, Chance, Preferences
from buddies_assets.simulation.tastes import Affinity, OfHiddenPlays, OfNiches
from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_core import json_text
from buddies_core.errors import BuddiesError
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import uniform
from buddies_core.settings import Settings

if TYPE_CHECKING:
    from buddies_serving.model.served_model import ServedModel

THREADS = 4
ATTEMPTS = 6


class ServiceUnavailableError(BuddiesError):
    """The service does not answer, or refuses what a listener sends."""


@dataclass(frozen=True)
class Shown:
    """A list as the service gave it: pids in order, and the id that feedback on it carries."""

    pids: list[int]
    recommendation_id: str


class Service(Protocol):
    """What listeners need of the service."""

    def recommend(self, user: int) -> Shown:
        """The list for a user."""
        ...

    def like(self, user: int, shown: Shown, place: int, *, at: datetime, key: str) -> None:
        """Send that the playlist at `place` was liked; returns when it is stored. The same `key` is stored once."""
        ...


@dataclass(frozen=True)
class Population:
    """Who takes part (rows of the user library) and what they like; `pids` turns what is shown into rows."""

    users: np.ndarray
    taste: Preferences | Chance
    pids: np.ndarray
    seed: int

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        users: int,
        preference: str = "score",
        trend: int = 0,
        trend_pull: float = 0.0,
        seed: int = 0,
    ) -> "Population":
        """Listeners with the libraries of the served champion: users of the test split, and where these are fewer than
        asked for, users of the other splits too; cold users are in none.
        """
        import polars as pl

        from buddies_core.artifact.store import read_channels
        from buddies_core.interactions.numbers import numbered_rows
        from buddies_core.storage.datasets import DatasetStore
        from buddies_serving.model.served_model import ServedModel

        root = settings.local_home / "served_model"
        model = ServedModel.open(root / "versions" / read_channels(root).champion)
        likes = DatasetStore.at(settings.home).open("splits").scan()
        in_test = (pl.col("split").cast(pl.String) == "test").any()
        found = likes.group_by("user").agg(test=in_test).collect().sort("user")
        numbers = numbered_rows(DatasetStore.at(settings.home).open("user_library"))["number"].to_numpy()
        members = numbers[found["user"].to_numpy()]
        order = np.lexsort((uniform(settings.seed, PICK, members), ~found["test"].to_numpy()))
        arrays = model.arrays
        taste: Preferences | Chance = Chance()
        if preference in ("score", "taste"):
            own = Library(arrays["user_library_indptr"], arrays["user_library_indices"], model.songs)
            held = Library(arrays["playlist_library_indptr"], arrays["playlist_library_indices"], model.songs)
            affinity = _affinity(settings, model, own, held) if preference == "taste" else None
            taste = Preferences(own, held, seed=settings.seed, trend=trend, trend_pull=trend_pull, affinity=affinity)
        elif preference != "chance":
            raise BuddiesError(f"Listeners like by `taste`, by `score` or by `chance`, not by {preference!r}.")
        return cls(members[order[:users]], taste, model.pids, seed)


def _affinity(settings: Settings, model: "ServedModel", own: Library, held: Library) -> Affinity:
    """Of niches in the synthetic world, of hidden plays on real files."""
    ids = [model.user_id(number) for number in range(own.n_rows)]
    if not settings.sources_are_real:
        world = SyntheticWorld(settings.synthetic_users, settings.synthetic_playlists, settings.seed)
        return OfNiches.of(world, ids, model.pids)
    import polars as pl

    from buddies_core.storage.datasets import DatasetStore

    store = DatasetStore.at(settings.home)
    of_song = store.open("songs").frame(["song", "song_ids"]).explode("song_ids", empty_as_null=False)
    of_user = pl.DataFrame({"user_id": ids}).with_row_index("number")
    plays = store.open("hidden_plays").frame().join(of_user, on="user_id")
    plays = plays.join(of_song, left_on="song_id", right_on="song_ids")
    hidden = Library.from_pairs(plays["number"].to_numpy(), plays["song"].to_numpy(), own.n_rows, own.n_columns)
    return OfHiddenPlays(own, hidden, held)


@dataclass(frozen=True)
class Visit:
    """One list asked for: who, when, and the draw that decides what is liked."""

    number: int
    user: int
    at: datetime
    draw: float


@dataclass(frozen=True)
class Outcome:
    """How far a simulation is."""

    lists: int
    likes: int
    of: int


@dataclass
class Report:
    """What came of a simulation. `rate` is likes per list."""

    lists: int = 0
    likes: int = 0
    seconds: float = 0.0
    ranks: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Likes per list; 0 of nothing is 0."""
        return self.likes / self.lists if self.lists else 0.0


def visits(population: Population, *, start: datetime, end: datetime, lists: int) -> list[Visit]:
    """The lists asked for, in order of time: users and moments are drawn by (seed, number)."""
    numbers = np.arange(lists)
    moments = np.sort(uniform(population.seed, MOMENT, numbers))
    who = (uniform(population.seed, PICK, numbers, 1) * len(population.users)).astype(int)
    draws = uniform(population.seed, CHOICE, numbers)
    length = end - start
    return [
        Visit(n, int(population.users[who[n]]), start + length * float(moments[n]), float(draws[n]))
        for n in range(lists)
    ]


def simulate_listeners(
    population: Population,
    service: Service,
    *,
    start: datetime,
    end: datetime,
    lists: int,
    on_progress: Callable[[Outcome], None] | None = None,
) -> Report:
    """Ask for `lists` lists between two times of the simulation's clock, and answer them.

    Raises:
        ServiceUnavailableError: the service cannot be reached or refuses.
    """
    report, lock, began = Report(), Lock(), time.perf_counter()

    def visit(one: Visit) -> None:
        shown = service.recommend(one.user)
        rows = np.searchsorted(population.pids, np.array(shown.pids, population.pids.dtype))
        place = population.taste.choose(one.user, rows, one.draw)
        if place is not None:
            service.like(one.user, shown, place, at=one.at, key=f"listener-{population.seed}-{one.number}")
        with lock:
            report.lists += 1
            if place is not None:
                report.likes += 1
                report.ranks[place + 1] = report.ranks.get(place + 1, 0) + 1
            if on_progress:
                on_progress(Outcome(report.lists, report.likes, lists))

    with ThreadPoolExecutor(THREADS, thread_name_prefix="listener") as pool:
        for done in pool.map(visit, visits(population, start=start, end=end, lists=lists)):
            assert done is None
    report.seconds = time.perf_counter() - began
    return report


class ServiceClient:
    """The service over HTTP: one kept-alive connection a thread; answers 429 and 503 are waited out."""

    def __init__(self, url: str, api_key: str | None = None, *, timeout: float = 30.0) -> None:
        self._parts = urlsplit(url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ServiceUnavailableError(f"{url!r} is no address of a service: set BUDDIES_SERVICE_URL to http://…")
        self._url, self._timeout = url, timeout
        self._headers = {"content-type": "application/json"} | ({"x-api-key": api_key} if api_key else {})
        self._local = local()
        self._open: list[http.client.HTTPConnection] = []

    def __enter__(self) -> "ServiceClient":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open:
            connection.close()

    def recommend(self, user: int) -> Shown:
        """The list for a user."""
        body, headers = self._post("/api/playlist/recommend/", {"user_ids": [user]})
        return Shown(json.loads(body)[0]["playlists"], headers["x-recommendation-id"])

    def like(self, user: int, shown: Shown, place: int, *, at: datetime, key: str) -> None:
        """Send that the playlist at `place` was liked; sent again under the same key when no answer came."""
        others = [pid for number, pid in enumerate(shown.pids) if number != place]
        told = {
            "user_id": user,
            "like_playlist": shown.pids[place],
            "other_playlists": others,
            "recommendation_id": shown.recommendation_id,
            "created_at": at.isoformat(),
        }
        self._post("/feedback", told, {"idempotency-key": key})

    def _post(self, path: str, content: dict, headers: dict[str, str] | None = None) -> tuple[bytes, dict[str, str]]:
        body, pause, why = json_text.dumps(content), 0.2, ""
        for _ in range(ATTEMPTS):
            try:
                with self._connection() as connection:
                    connection.request(
                        "POST", self._parts.path.rstrip("/") + path, body, self._headers | (headers or {})
                    )
                    answer = connection.getresponse()
                    data = answer.read()
            except (OSError, http.client.HTTPException) as error:
                why = str(error) or type(error).__name__
            else:
                if answer.status == 200:
                    return data, {name.lower(): value for name, value in answer.getheaders()}
                why = f"answered {answer.status}: {data[:200].decode(errors='replace')}"
                if answer.status not in (429, 503):
                    break
            time.sleep(pause)
            pause *= 2
        raise ServiceUnavailableError(f"The service at {self._url} {why}. Is it running (`buddies up`)?")

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        kept = getattr(self._local, "connection", None)
        if kept is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            kept = kind(self._parts.hostname or "", self._parts.port, timeout=self._timeout)
            self._local.connection = kept
            self._open.append(kept)
        try:
            yield kept
        except BaseException:
            kept.close()
            self._local.connection = None
            raise

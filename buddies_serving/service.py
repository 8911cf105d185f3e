"""The parts of a running service, put together once and handed to every route."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from buddies_core.http.hosts import AllowedHosts
from buddies_serving.errors import FeedbackRefusedError, FeedbackUnavailableError
from buddies_serving.feedback.events import read_events, to_events
from buddies_serving.feedback.replicas import Replicas
from buddies_serving.feedback.rules import read_feedback, to_session
from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.store import FeedbackStore
from buddies_serving.feedback.writer import FeedbackWriter
from buddies_serving.found import system_catalogues, system_hot_routes, system_service_routes
from buddies_serving.http.answers import JSON, Answer, Headers, HotHandler
from buddies_serving.http.keys import KeyEntry, Keys, keys_for
from buddies_serving.http.metrics import Metrics
from buddies_serving.http.problems import Problem, unavailable
from buddies_serving.http.rate_limit import RateLimiter
from buddies_serving.http.turns import Slots, Turns
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.opt_out import OwnerOptOut
from buddies_serving.model.recommend import Recommended, Recommender
from buddies_serving.model.recommendation_id import RecommendationIds, signing_keys
from buddies_serving.model.serving import ModelWatcher
from buddies_serving.model.usage import Usage
from buddies_serving.model.who import models_of, remembered_as
from buddies_serving.settings import ServingSettings, program_version
from buddies_serving.supervision import Supervisor
from buddies_serving.types.api import EventsAnswer, EventsRequest, Health
from buddies_serving.types.feedback import Record

logger = logging.getLogger(__name__)
EVENTS_PATH = "/api/events/"
_SENT = b'{"msg":"Feedback Sent"}'
_HEAVY_AT_ONCE, _HEAVY_WAITING = 2, 32
_BATCHES_AT_ONCE, _BATCHES_WAITING = 4, 16
_FIRST_MODEL_SECONDS = 5.0
"""How long a start waits for the model to be checked; a larger one is checked while health says so."""


class Service:
    """Settings, the model of the moment, and the tasks round them. Makes no connection until `running`."""

    def __init__(self, settings: ServingSettings) -> None:
        self.settings = settings
        self.keys: Keys | None = keys_for(settings)
        self.limiter = RateLimiter(settings.rate_limit, settings.rate_burst)
        self.metrics = Metrics()
        self.usage = Usage()
        self.watcher = ModelWatcher(settings)
        self.remembered = Remembered(settings.fresh_likes, self._find_user)
        self.hosts: AllowedHosts = settings.hosts
        self.opt_out = OwnerOptOut(settings.owner_opt_out_file)
        self.turns = Turns()
        self.heavy = Slots(_HEAVY_AT_ONCE, waiting=_HEAVY_WAITING)
        self.batches = Slots(_BATCHES_AT_ONCE, waiting=_BATCHES_WAITING)
        self.supervisor = Supervisor()
        self.replicas = Replicas(self.limiter, self.keys)
        self._stopping = False
        self._recommender: Recommender | None = None
        self._writer: FeedbackWriter | None = None
        self.system_hot = system_hot_routes(settings) | system_service_routes(self)
        self.catalogues = system_catalogues(settings)
        self._watch_metrics()

    @property
    def hot(self) -> dict[tuple[str, str], tuple[str, HotHandler]]:
        """(method, path) -> (route, handler) of the calls that the guard answers itself."""
        recommend = "/api/playlist/recommend/"
        return {
            ("POST", recommend): (recommend, self.hot_recommend),
            ("POST", recommend.rstrip("/")): (recommend, self.hot_recommend),
            ("POST", "/feedback"): ("/feedback", self.hot_feedback),
            **{("POST", path): (EVENTS_PATH, self.hot_events) for path in (EVENTS_PATH, EVENTS_PATH.rstrip("/"))},
            **self.system_hot,
        }

    @property
    def writer(self) -> FeedbackWriter:
        """The feedback writer; 503 before the start and after the stop."""
        if self._writer is None:
            raise unavailable("The service is starting or stopping.", 1)
        return self._writer

    @property
    def recommender(self) -> Recommender:
        """Who makes the lists; 503 before the start."""
        if self._recommender is None:
            raise unavailable("The service is starting.", 1)
        return self._recommender

    def check(self) -> None:
        """Raises SpoolError or SigningKeyError where the service could not start: read-only or full homes, mostly."""
        signing_keys(self.settings.signing_key)
        Spool(self.settings.spool_root).close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the model and the spool, runs the tasks, and on the way out stores what was accepted."""
        settings = self.settings
        keys = signing_keys(settings.signing_key)
        ids = RecommendationIds(*keys)
        self.replicas.sign_with(keys)
        self._recommender = Recommender(
            *(self.watcher, self.remembered, self.metrics, self.usage, ids, self.turns), max_users=settings.max_users
        )
        self._writer = FeedbackWriter(
            Spool(settings.spool_root, max_bytes=settings.spool_max_bytes),
            self.metrics,
            stores=_stores(settings),
            capacity=settings.feedback_queue,
            batch=settings.feedback_batch,
            timeout=settings.feedback_timeout,
        )
        writer = self._writer
        await asyncio.to_thread(lambda: self.remembered.load(writer.spooled()))
        await self.watcher.begin(_FIRST_MODEL_SECONDS)
        self.supervisor.start("model", self.watcher.watch)
        self.supervisor.start("feedback", writer.flush)
        self.supervisor.start("replay", lambda: writer.replay(self.usage, self.remembered, self.replicas))
        if self.keys is not None:
            self.supervisor.start("keys", self._watch_keys)
        self.supervisor.start("owners", self._watch_owners)
        self.supervisor.start("strangers", self._watch_strangers)
        try:
            yield
        finally:
            await writer.drain(self.usage)
            await self.supervisor.stop()
            self._writer = None
            writer.close()

    def hot_recommend(self, body: bytes, headers: Headers) -> Answer | Coroutine[Any, Any, Answer]:
        """The contract's call for recommendations; a coroutine where the lists are made in turns."""
        made = self.recommender.recommend(body)
        return _listed(made) if isinstance(made, tuple) else _listed_later(made)

    async def hot_feedback(self, body: bytes, headers: Headers) -> Answer:
        """The contract's call for feedback; answers once it is durable."""
        try:
            feedback = read_feedback(body)
            recommender = self.recommender
            serving = recommender.serving()
            known = self.remembered.of(remembered_as(serving.champion, feedback.user_id))
            session = to_session(feedback, serving, recommender.ids, headers.get(b"idempotency-key"), known)
        except Problem as problem:
            self.metrics.refuse("unavailable" if problem.status == 503 else "invalid")
            raise
        await self._store(session)
        return Answer(200, (JSON, (b"x-model-version", session.model_version.encode())), _SENT)

    async def hot_events(self, body: bytes, headers: Headers) -> Answer:
        """What a listener did; answers once it is durable."""
        try:
            request = read_events(body)
        except Problem:
            self.metrics.refuse("invalid")
            raise
        taken = await self.take_events(request, headers.get(b"idempotency-key"))
        return Answer(200, (JSON,), msgspec.json.encode(EventsAnswer("Events Stored", taken)))

    async def take_events(self, request: EventsRequest, key: bytes | None = None) -> int:
        """Checks what a listener did, makes it durable and remembers it; how many events that were."""
        try:
            events = to_events(request, models_of(self.watcher.serving), self.catalogues, key)
        except Problem as problem:
            self.metrics.refuse("unavailable" if problem.status == 503 else "invalid")
            raise
        await self._store(*events)
        return len(events)

    async def _store(self, *records: Record) -> None:
        """Makes the records durable, and remembers them; Problem 503 or 422 where that cannot be."""
        try:
            await self.writer.submit(*records)
        except FeedbackUnavailableError as error:
            self.metrics.refuse("unavailable")
            raise unavailable(
                f"The feedback was not stored: {error.reason}. Send it again.", error.retry_after
            ) from error
        except FeedbackRefusedError as error:
            self.metrics.refuse("refused")
            raise Problem(422, f"The feedback was not stored: {error}.") from error
        self.remembered.load(record.deed for record in records)

    def _find_user(self, user_key: str) -> int | None:
        serving = self.watcher.serving
        return None if serving is None else serving.champion.find_user(user_key)

    def stop_being_ready(self) -> None:
        """Lets `/health/ready` say from now on that the service stops, so that nobody sends new callers."""
        self._stopping = True

    def health(self, *, public: bool = False) -> Health:
        """Whether requests can be answered and feedback be stored; `public` leaves paths and causes out."""
        problems, warnings = self._findings()
        status = "unavailable" if problems else ("degraded" if warnings else "ok")

        def texts(found: list[tuple[str, str]]) -> list[str]:
            return [what if public or not why else f"{what}: {why}" for what, why in found]

        return Health(status=status, problems=texts(problems), warnings=texts(warnings), sample=self.sample)

    @property
    def sample(self) -> float | msgspec.UnsetType:
        """Share of playlists and users that the served model knows; unset where it knows all."""
        serving = self.watcher.serving
        share = float(serving.champion.manifest.extra.get("sample", 1.0)) if serving else 1.0
        return share if share < 1 else msgspec.UNSET

    def _findings(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """(what, why) of everything that is a problem, and of what is only not as it should be."""
        problems = [(f"task {name} is down", "") for name in self.supervisor.failing]
        warnings: list[tuple[str, str]] = []
        if self._stopping:
            problems.append(("the service is stopping", ""))
        if self.replicas.signs_otherwise:
            told = f"{self.replicas.signs_otherwise} of {self.replicas.others} others sign with another key"
            warnings.append(("replicas call each other's recommendation ids forged", told))
        if self.keys is not None and self.keys.trouble:
            found = problems if not len(self.keys) else warnings
            found.append(("the API keys cannot be read", self.keys.trouble))
        if self.watcher.serving is None:
            problems.append(("no model is served", self.watcher.error or "none has been published"))
        elif self.watcher.error:
            warnings.append(("the newest model could not be loaded", self.watcher.error))
        if self.opt_out.trouble:
            warnings.append(
                ("no owner is shown, as the file of those who opted out cannot be read", self.opt_out.trouble)
            )
        writer = self._writer
        if writer is None:
            problems.append(("the feedback writer does not run", ""))
            return problems, warnings
        if writer.is_full:
            problems.append(("the feedback queue is full", ""))
        if writer.spool_error and not writer.database_ready:
            problems.append(("feedback cannot be stored", writer.spool_error))
        if not writer.database_ready:
            warnings.append(("feedback goes to the spool", writer.database_error))
        if writer.spool.losses:
            where = f"{writer.spool.losses}; see {writer.spool.folder}, and remove losses.json there when it is settled"
            warnings.append(("feedback was lost or set aside", where))
        return problems, warnings

    def charge(self, entry: KeyEntry | None, requests: float) -> None:
        """Counts a costly call against its API key as that many requests."""
        if entry is not None:
            self.limiter.spend(entry.id, entry.rate, requests)

    async def _watch_keys(self) -> None:
        while self.keys is not None:
            await asyncio.sleep(self.settings.model_poll_seconds)
            self.keys.refresh()

    async def _watch_owners(self) -> None:
        while True:
            await asyncio.sleep(self.settings.model_poll_seconds)
            self.opt_out.refresh()

    async def _watch_strangers(self) -> None:
        """Whenever a model comes, those whom it knows are no strangers any more."""
        seen = -1
        while True:
            if seen != self.watcher.swaps:
                seen = self.watcher.swaps
                self.remembered.recognise()
            await asyncio.sleep(self.settings.model_poll_seconds)

    def _watch_metrics(self) -> None:
        def writer_figure(name: str) -> float:
            return float(getattr(self._writer, name)) if self._writer else 0.0

        def losses(kind: str) -> float:
            return float(getattr(self._writer.spool.losses, kind)) if self._writer else 0.0

        def diversity(place: int) -> float:
            serving = self.watcher.serving
            return self.usage.diversity(serving.champion)[place] if serving else 0.0

        def model_age() -> float:
            serving = self.watcher.serving
            return time.time() - serving.champion.created_at if serving else 0.0

        def versions() -> dict[str, str]:
            serving = self.watcher.serving
            if serving is None:
                return {}
            arms = {"champion": serving.champion, "challenger": serving.challenger}
            return {arm: model.version for arm, model in arms.items() if model is not None}

        self.metrics.versions = versions
        self.metrics.build = {
            "version": program_version(), "commit": self.settings.commit, "image": self.settings.image
        }  # fmt: skip
        self.metrics.gauges |= {
            "buddies_ready": ("1 if the service can do its work", lambda: float(not self.health().problems)),
            "buddies_model_age_seconds": ("Seconds since the champion was made", model_age),
            "buddies_model_swaps": ("Models loaded since the start", lambda: float(self.watcher.swaps)),
            "buddies_recommendation_coverage": ("Share of all playlists in the lists of late", lambda: diversity(0)),
            "buddies_recommendation_diversity": ("Distinct per listed playlist of late", lambda: diversity(1)),
            "buddies_feedback_queue": ("Feedback waiting", lambda: writer_figure("queued")),
            "buddies_spool_bytes": (
                "Bytes in the spool",
                lambda: float(self._writer.spool.size) if self._writer else 0.0,
            ),
            "buddies_spool_damaged": ("Records of the spool that are damaged", lambda: losses("damaged")),
            "buddies_spool_missing": ("Records that segments of the spool lack", lambda: losses("missing")),
            "buddies_feedback_set_aside": ("Feedback that the schema refused, for a person", lambda: losses("refused")),
            "buddies_database_ready": ("1 if PostgreSQL takes feedback", lambda: writer_figure("database_ready")),
            "buddies_fresh_likes": ("Likes since the model, in memory", lambda: float(len(self.remembered.likes))),
            "buddies_fresh_songs": (
                "Songs that listeners did something with, in memory",
                lambda: float(len(self.remembered.songs)),
            ),
            "buddies_replicas": ("Other replicas heard of late", lambda: float(self.replicas.others)),
            "buddies_task_restarts": ("Restarts of tasks", lambda: float(sum(self.supervisor.restarts.values()))),
        }


def _listed(made: Recommended) -> Answer:
    answer, version, identity = made
    return Answer(
        200, (JSON, (b"x-model-version", version.encode()), (b"x-recommendation-id", identity.encode())), answer
    )


async def _listed_later(making: Awaitable[Recommended]) -> Answer:
    return _listed(await making)


def _stores(settings: ServingSettings) -> tuple[FeedbackStore, FeedbackStore] | None:
    url, timeout = settings.database, settings.feedback_timeout
    return None if url is None else (FeedbackStore(url, timeout=timeout), FeedbackStore(url, timeout=max(5.0, timeout)))

"""The parts of a running service, put together once and handed to every route."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from buddies_core.http.hosts import AllowedHosts
from buddies_serving.feedback.events import read_events, to_events
from buddies_serving.feedback.intake import take_in
from buddies_serving.feedback.replicas import Replicas
from buddies_serving.feedback.rules import read_feedback, to_session
from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.storage_state import StorageState
from buddies_serving.feedback.store import FeedbackStore
from buddies_serving.feedback.upkeep import DatabaseUpkeep
from buddies_serving.feedback.writer import FeedbackWriter
from buddies_serving.found import system_catalogues, system_fast_routes, system_service_routes
from buddies_serving.gauges import show_gauges
from buddies_serving.health import health_of, sample_served
from buddies_serving.http.answers import JSON, Answer, FastHandler, Headers
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
from buddies_serving.settings import ServingSettings
from buddies_serving.supervision import Supervisor, again_and_again
from buddies_serving.types.api import EventsAnswer, EventsRequest, Health

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
        self.remembered = Remembered(settings.fresh_likes, self.watcher.find_user)
        self.hosts: AllowedHosts = settings.hosts
        self.opt_out = OwnerOptOut(settings.owner_opt_out_file)
        self.turns = Turns()
        self.heavy = Slots(_HEAVY_AT_ONCE, waiting=_HEAVY_WAITING)
        self.batches = Slots(_BATCHES_AT_ONCE, waiting=_BATCHES_WAITING)
        self.supervisor = Supervisor()
        self.replicas = Replicas(self.limiter, self.keys)
        self.is_stopping = False
        self._recommender: Recommender | None = None
        self.open_writer: FeedbackWriter | None = None
        self.system_fast = system_fast_routes(settings) | system_service_routes(self)
        self.catalogues = system_catalogues(settings)
        show_gauges(self)

    @property
    def fast(self) -> dict[tuple[str, str], tuple[str, FastHandler]]:
        """(method, path) -> (route, handler) of the calls that the guard answers itself."""
        recommend = "/api/playlist/recommend/"
        return {
            ("POST", recommend): (recommend, self.hot_recommend),
            ("POST", recommend.rstrip("/")): (recommend, self.hot_recommend),
            ("POST", "/feedback"): ("/feedback", self.hot_feedback),
            **{("POST", path): (EVENTS_PATH, self.hot_events) for path in (EVENTS_PATH, EVENTS_PATH.rstrip("/"))},
            **self.system_fast,
        }

    @property
    def writer(self) -> FeedbackWriter:
        """The feedback writer; 503 before the start and after the stop."""
        if self.open_writer is None:
            raise unavailable("The service is starting or stopping.", 1)
        return self.open_writer

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
        writer, upkeep = self._open_feedback()
        self.open_writer = writer
        await asyncio.to_thread(lambda: self.remembered.load(writer.spooled()))
        await self.watcher.begin(_FIRST_MODEL_SECONDS)
        self.supervisor.start("model", self.watcher.watch)
        self.supervisor.start("feedback", writer.flush)
        self.supervisor.start("replay", upkeep.run)
        pause = settings.model_poll_seconds
        if (access := self.keys) is not None:
            self.supervisor.start("keys", lambda: again_and_again(access.refresh, pause))
        self.supervisor.start("owners", lambda: again_and_again(self.opt_out.refresh, pause))
        self.supervisor.start("strangers", self._watch_strangers)
        try:
            yield
        finally:
            await writer.drain()
            await upkeep.finish(4 * settings.feedback_timeout)
            await self.supervisor.stop()
            self.open_writer = None
            upkeep.close()
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
        await take_in(self.writer, self.metrics, self.remembered, session)
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
        await take_in(self.writer, self.metrics, self.remembered, *events)
        return len(events)

    def stop_being_ready(self) -> None:
        """Lets `/health/ready` say from now on that the service stops, so that nobody sends new callers."""
        self.is_stopping = True

    def health(self, *, public: bool = False) -> Health:
        """Whether requests can be answered and feedback be stored; `public` leaves paths and causes out."""
        return health_of(self, public=public)

    @property
    def sample(self) -> float | msgspec.UnsetType:
        """Share of playlists and users that the served model knows; unset where it knows all."""
        return sample_served(self.watcher)

    def charge(self, entry: KeyEntry | None, requests: float) -> None:
        """Counts a costly call against its API key as that many requests."""
        if entry is not None:
            self.limiter.spend(entry.id, entry.rate, requests)

    def _open_feedback(self) -> tuple[FeedbackWriter, DatabaseUpkeep]:
        """The writer of new feedback and the upkeep of the database, each with a connection of its own."""
        settings, url, timeout = self.settings, self.settings.database, self.settings.feedback_timeout
        spool = Spool(settings.spool_root, max_bytes=settings.spool_max_bytes)
        state = StorageState(has_database=url is not None)
        writer = FeedbackWriter(
            *(spool, self.metrics, state),
            store=None if url is None else FeedbackStore(url, timeout=timeout),
            capacity=settings.feedback_queue,
            batch=settings.feedback_batch,
            timeout=timeout,
        )
        upkeep = DatabaseUpkeep(
            *(spool, self.metrics, state),
            store=None if url is None else FeedbackStore(url, timeout=max(5.0, timeout)),
            usage=self.usage,
            remembered=self.remembered,
            replicas=self.replicas,
        )
        return writer, upkeep

    async def _watch_strangers(self) -> None:
        """Whenever a model comes, those whom it knows are no strangers any more."""
        seen = -1
        while True:
            if seen != self.watcher.swaps:
                seen = self.watcher.swaps
                self.remembered.recognise()
            await asyncio.sleep(self.settings.model_poll_seconds)


def _listed(made: Recommended) -> Answer:
    answer, version, identity = made
    return Answer(
        200, (JSON, (b"x-model-version", version.encode()), (b"x-recommendation-id", identity.encode())), answer
    )


async def _listed_later(making: Awaitable[Recommended]) -> Answer:
    return _listed(await making)

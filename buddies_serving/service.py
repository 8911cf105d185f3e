"""The parts of a running service, put together once and handed to every route."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from buddies_serving.api_types import Health
from buddies_serving.errors import FeedbackUnavailableError
from buddies_serving.feedback_rules import read_feedback, to_session
from buddies_serving.feedback_store import FeedbackStore
from buddies_serving.feedback_writer import FeedbackWriter
from buddies_serving.freshness import FreshLikes
from buddies_serving.guard import JSON, Answer, Headers, HotHandler
from buddies_serving.keys import Keys, keys_for
from buddies_serving.metrics import Metrics
from buddies_serving.problems import Problem, unavailable
from buddies_serving.rate_limit import RateLimiter
from buddies_serving.recommend import Recommender
from buddies_serving.serving import ModelWatcher
from buddies_serving.settings import ServingSettings
from buddies_serving.spool import Spool
from buddies_serving.supervision import Supervisor
from buddies_serving.usage import Usage

logger = logging.getLogger(__name__)
_SENT = b'{"msg":"Feedback Sent"}'
_HEAVY_AT_ONCE = 2


class Service:
    """Settings, the model of the moment, and the tasks round them. Makes no connection until `running`."""

    def __init__(self, settings: ServingSettings) -> None:
        self.settings = settings
        self.keys: Keys | None = keys_for(settings)
        self.limiter = RateLimiter(settings.rate_limit, settings.rate_burst)
        self.metrics = Metrics()
        self.usage = Usage()
        self.fresh = FreshLikes(settings.fresh_likes)
        self.watcher = ModelWatcher(settings)
        self.recommender = Recommender(self.watcher, self.fresh, self.metrics, self.usage, max_users=settings.max_users)
        self.supervisor = Supervisor()
        self.heavy = asyncio.Semaphore(_HEAVY_AT_ONCE)
        self._writer: FeedbackWriter | None = None
        self._watch_metrics()

    @property
    def hot(self) -> dict[tuple[str, str], tuple[str, HotHandler]]:
        """(method, path) -> (route, handler) of the calls that the guard answers itself."""
        recommend = "/api/playlist/recommend/"
        return {
            ("POST", recommend): (recommend, self.hot_recommend),
            ("POST", recommend.rstrip("/")): (recommend, self.hot_recommend),
            ("POST", "/feedback"): ("/feedback", self.hot_feedback),
        }

    @property
    def writer(self) -> FeedbackWriter:
        """The feedback writer; 503 before the start and after the stop."""
        if self._writer is None:
            raise unavailable("The service is starting or stopping.", 1)
        return self._writer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the model and the spool, runs the tasks, and on the way out stores what was accepted."""
        settings = self.settings
        self._writer = FeedbackWriter(
            Spool(settings.spool_root, max_bytes=settings.spool_max_bytes),
            self.metrics,
            stores=_stores(settings),
            capacity=settings.feedback_queue,
            batch=settings.feedback_batch,
            timeout=settings.feedback_timeout,
        )
        writer = self._writer
        self.fresh.load((session.user_id, session.liked) for session in writer.spooled())
        self.watcher.load()
        self.supervisor.start("model", self.watcher.watch)
        self.supervisor.start("feedback", writer.flush)
        self.supervisor.start("replay", lambda: writer.replay(self.usage, self.fresh))
        if self.keys is not None:
            self.supervisor.start("keys", self._watch_keys)
        try:
            yield
        finally:
            await writer.drain(self.usage)
            await self.supervisor.stop()
            self._writer = None
            writer.close()

    def hot_recommend(self, body: bytes, headers: Headers) -> Answer:
        """The contract's call for recommendations."""
        answer, version, identity = self.recommender.recommend(body)
        return Answer(
            200, (JSON, (b"x-model-version", version.encode()), (b"x-recommendation-id", identity.encode())), answer
        )

    async def hot_feedback(self, body: bytes, headers: Headers) -> Answer:
        """The contract's call for feedback; answers once it is durable."""
        try:
            feedback = read_feedback(body)
            hidden = self.fresh.of(feedback.user_id)
            session = to_session(feedback, self.recommender.serving(), headers.get(b"idempotency-key"), hidden)
        except Problem as problem:
            self.metrics.refuse("unavailable" if problem.status == 503 else "invalid")
            raise
        try:
            await self.writer.submit(session)
        except FeedbackUnavailableError as error:
            self.metrics.refuse("unavailable")
            raise unavailable(
                f"The feedback was not stored: {error.reason}. Send it again.", error.retry_after
            ) from error
        self.fresh.add(session.user_id, session.liked)
        return Answer(200, (JSON, (b"x-model-version", session.model_version.encode())), _SENT)

    def health(self) -> Health:
        """Whether requests can be answered and feedback be stored."""
        problems = [f"task {name} is down" for name in self.supervisor.failing]
        warnings = []
        if self.watcher.serving is None:
            problems.append(f"no model is served: {self.watcher.error or 'none has been published'}")
        elif self.watcher.error:
            warnings.append(f"the newest model could not be loaded: {self.watcher.error}")
        if self._writer is None:
            problems.append("the feedback writer does not run")
        else:
            if self._writer.is_full:
                problems.append("the feedback queue is full")
            if self._writer.spool_error and not self._writer.database_ready:
                problems.append(f"feedback cannot be stored: {self._writer.spool_error}")
            if not self._writer.database_ready:
                warnings.append(f"feedback goes to the spool: {self._writer.database_error}")
        status = "unavailable" if problems else ("degraded" if warnings else "ok")
        return Health(status=status, problems=problems, warnings=warnings)

    async def _watch_keys(self) -> None:
        while self.keys is not None:
            await asyncio.sleep(self.settings.model_poll_seconds)
            self.keys.load()

    def _watch_metrics(self) -> None:
        def writer_figure(name: str) -> float:
            return float(getattr(self._writer, name)) if self._writer else 0.0

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
            "buddies_database_ready": ("1 if PostgreSQL takes feedback", lambda: writer_figure("database_ready")),
            "buddies_fresh_likes": ("Likes since the model, in memory", lambda: float(len(self.fresh))),
            "buddies_task_restarts": ("Restarts of tasks", lambda: float(sum(self.supervisor.restarts.values()))),
        }


def _stores(settings: ServingSettings) -> tuple[FeedbackStore, FeedbackStore] | None:
    url, timeout = settings.database, settings.feedback_timeout
    return None if url is None else (FeedbackStore(url, timeout=timeout), FeedbackStore(url, timeout=max(5.0, timeout)))

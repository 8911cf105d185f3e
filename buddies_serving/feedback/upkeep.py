"""The upkeep of the database: whatever is done with it a few times a second besides storing new feedback."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from itertools import islice
from typing import Protocol

from buddies_serving.feedback.insertion import Insertion, RecordStore
from buddies_serving.feedback.replicas import SHARE_SECONDS, Replicas, Shared
from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.storage_state import StorageState
from buddies_serving.http.metrics import Metrics
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.usage import Key, Usage
from buddies_serving.types.feedback import Deed, Losses

logger = logging.getLogger(__name__)

COUNT_SECONDS = 1.0
"""Between two writes of what was recommended. A trial compares these counts with likes, which are stored at once:
counts that come late make the champion look worse than it is, which is how a sabotaged model was once promoted."""
PING_SECONDS = 1.0
"""Between two questions to a database: what others received, and whether it lives. Without them an idle service calls
a dead one ready, and what a listener did at one service is not known to the next."""
_REPLAYED_AT_ONCE = 1_000
_LATE_COMMITS = 3.0
"""Seconds by which a row may be seen later than the moment that its transaction began at, by the database's clock."""
_PAGES_A_LOOK = 20
_LONGEST_PAUSE = 2.0


class UpkeepStore(RecordStore, Shared, Protocol):
    """What the upkeep needs of a database; `FeedbackStore` is the real one. Any call may raise anything."""

    async def report(self, spool: str, losses: Losses) -> None: ...

    async def count(self, served: dict[Key, int]) -> None: ...

    def recent(self, limit: int) -> AsyncIterator[list[Deed]]: ...

    async def since(self, stored: float) -> tuple[list[Deed], float | None]: ...

    async def prepare(self) -> None: ...


class DatabaseUpkeep:
    """Connects, prepares the schema, empties the spool, writes counts, and tells and hears the other replicas.

    `run` is run by a Supervisor. `store`: its own, so that new feedback never waits for it; None without a database.
    """

    def __init__(
        self,
        spool: Spool,
        metrics: Metrics,
        state: StorageState,
        *,
        store: UpkeepStore | None,
        usage: Usage,
        remembered: Remembered,
        replicas: Replicas | None = None,
    ) -> None:
        self._spool = spool
        self._metrics = metrics
        self._state = state
        self._store = store
        self._usage = usage
        self._remembered = remembered
        self._replicas = replicas
        self._insertion = Insertion(spool, metrics)
        self._reported = Losses()
        self._loaded_until: float | None = None
        self._counted = self._heard = 0.0
        # The store is not for two tasks at once, and at the end `finish` comes beside `run`.
        self._turn = asyncio.Lock()

    async def run(self, *, pause: float = SHARE_SECONDS) -> None:
        """Does all of it for ever, `pause` seconds apart, and more slowly while the database is away."""
        pauses = pause
        while self._store is not None:
            async with self._turn:
                try:
                    await self._round(self._store)
                    pauses = pause
                except Exception as error:
                    # any failure of the driver means the same here: the database is away, and the spool takes over
                    self._state.database_is_away(error)
                    self._store.drop()
                    pauses = min(2 * pauses, _LONGEST_PAUSE)
            await asyncio.sleep(pauses)
        await asyncio.Event().wait()

    async def finish(self, seconds: float) -> None:
        """Empties the spool, in that time at most, and writes the counts; for an orderly stop, after the last feedback.

        Where the database is away or fails, the spool keeps what it holds for the next start.
        """
        if self._store is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._turn.acquire()
            try:
                await self._last_round(self._store, seconds)
            finally:
                self._turn.release()
        except Exception as error:
            logger.warning("spool or counts not written at stop", extra={"reason": repr(error)})

    def close(self) -> None:
        """Drops the connection."""
        if self._store is not None:
            self._store.drop()

    async def _round(self, store: UpkeepStore) -> None:
        if not self._state.database_ready:
            await store.prepare()
            if self._loaded_until is None:
                self._loaded_until = await self._load(store)
            self._state.database_is_here()
        await self._empty_spool(store)
        if self._replicas is not None:
            await self._replicas.exchange(store)
        now = time.monotonic()
        if now - self._heard > PING_SECONDS:
            self._loaded_until = await self._catch_up(store, self._loaded_until)
            self._heard = now
        if now - self._counted > COUNT_SECONDS:
            await self._write_counts(store)
            await self._report_losses(store)
            self._counted = now

    async def _last_round(self, store: UpkeepStore, seconds: float) -> None:
        if self._state.database_ready:
            # what stays in the spool is the promise of this folder alone
            async with asyncio.timeout(seconds):
                await self._empty_spool(store)
            await self._write_counts(store)

    async def _load(self, store: UpkeepStore) -> float:
        """Takes in the deeds of late that the database holds; returns from when on the first look has to begin."""
        began = time.time()
        async for deeds in store.recent(self._remembered.capacity):
            self._remembered.load(deeds)
        return began - _LATE_COMMITS

    async def _catch_up(self, store: UpkeepStore, until: float | None) -> float:
        """Takes in what other services of this database received; the asking is a sign of its life too.

        Returns from when on the next look has to begin: a little before this one, for what was still being committed.
        """
        began, since = time.time(), until or 0.0
        for _ in range(_PAGES_A_LOOK):
            deeds, last = await store.since(since)
            self._remembered.load(deeds)
            if last is None or last <= since:
                return began - _LATE_COMMITS
            since = last
        return since

    async def _empty_spool(self, store: UpkeepStore) -> None:
        if not self._spool.size:
            self._state.spool_works()
            return
        for path in await asyncio.to_thread(self._spool.closed):
            reading = self._spool.read(path)
            while records := await asyncio.to_thread(lambda lines: list(islice(lines, _REPLAYED_AT_ONCE)), reading):
                await self._insertion.insert(store, records)
                self._metrics.feedback_replayed += len(records)
            await asyncio.to_thread(self._spool.remove, path)

    async def _report_losses(self, store: UpkeepStore) -> None:
        losses = self._spool.losses
        if losses != self._reported:
            await store.report(str(self._spool.folder), losses)
            self._reported = losses

    async def _write_counts(self, store: UpkeepStore) -> None:
        counts = self._usage.take()
        try:
            await store.count(counts)
        except BaseException:
            self._usage.restore(counts)
            raise

"""The feedback writer: a bounded queue in front of PostgreSQL, and the spool behind it.

A caller waits until its session is durable: committed in PostgreSQL, or synced to the spool. Sessions that arrive while
a batch is on its way form the next batch, so the batch size follows the load by itself.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Protocol

from buddies_serving.errors import FeedbackRefusedError, FeedbackUnavailableError, SpoolError
from buddies_serving.feedback.idempotency import KeysOfLate
from buddies_serving.feedback.replicas import SHARE_SECONDS, Replicas, Told
from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.store import REFUSED_BY_SCHEMA
from buddies_serving.http.metrics import Metrics
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.usage import Key, Usage
from buddies_serving.types.feedback import Deed, Losses, Record

logger = logging.getLogger(__name__)
Waiting = tuple[Record, asyncio.Future[None]]
Refused = list[tuple[Record, str]]

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
_OTHER_FEEDBACK = "the Idempotency-Key was used for other feedback before"


class Store(Protocol):
    """What the writer needs of a database; `FeedbackStore` is the real one. Any call may raise anything."""

    async def insert(self, records: Sequence[Record]) -> int: ...

    async def contradicted(self, records: Sequence[Record]) -> list[Record]: ...

    async def report(self, spool: str, losses: Losses) -> None: ...

    async def count(self, served: dict[Key, int]) -> None: ...

    def recent(self, limit: int) -> AsyncIterator[list[Deed]]: ...

    async def since(self, stored: float) -> tuple[list[Deed], float | None]: ...

    async def tell(self, told: Told) -> list[Told]: ...

    async def prepare(self) -> None: ...

    def drop(self) -> None: ...


class FeedbackWriter:
    """Accepts sessions and events and makes them durable. `flush` and `replay` are run by a Supervisor.

    `stores`: one for new feedback and one for the spool, so that neither waits for the other; None without a database.
    """

    def __init__(
        self,
        spool: Spool,
        metrics: Metrics,
        *,
        stores: tuple[Store, Store] | None,
        capacity: int,
        batch: int,
        timeout: float,
    ) -> None:
        self.spool = spool
        self._metrics = metrics
        self._capacity = capacity
        self._batch = batch
        self._timeout = timeout
        self._queue: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._in_flight = 0
        self._keys = KeysOfLate()
        self._store: Store | None = stores[0] if stores else None
        self._replay_store: Store | None = stores[1] if stores else None
        self._reported = Losses()
        self.database_ready = False
        self.spool_error: str | None = None
        self.database_error = "no database is named (BUDDIES_POSTGRES_URL)" if stores is None else "not connected yet"

    @property
    def queued(self) -> int:
        """Records that wait."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether the next record would be refused."""
        return len(self._queue) >= self._capacity

    async def submit(self, *records: Record) -> None:
        """Returns when all the records are durable.

        Raises FeedbackUnavailableError when it may not be, and should be sent again; FeedbackRefusedError when it would
        be refused again: the database's schema does not take it, or its key stands for other feedback.
        """
        if self._stopping or self.is_full:
            raise FeedbackUnavailableError("too much feedback is waiting to be stored", 1)
        if any(self._keys.contradicts(record) for record in records):
            raise FeedbackRefusedError(_OTHER_FEEDBACK)
        loop = asyncio.get_running_loop()
        waiting: list[Waiting] = [(record, loop.create_future()) for record in records]
        for record in records:
            self._keys.remember(record)
        self._queue.extend(waiting)
        self._arrived.set()
        try:
            async with asyncio.timeout(4 * self._timeout):
                await asyncio.wait([future for _, future in waiting])
        except TimeoutError as error:
            raise FeedbackUnavailableError("the feedback could not be stored in time", 2) from error
        finally:
            for _, future in waiting:
                future.cancel()
        failed = [(record, refused) for record, future in waiting if (refused := future.exception()) is not None]
        for record, _ in failed:
            self._keys.forget(record)
        self._metrics.feedback_accepted += len(records) - len(failed)
        if failed:
            raise failed[0][1]

    async def flush(self) -> None:
        """Makes batches durable for ever."""
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
            self._in_flight = len(batch)
            try:
                for record, reason in await self._make_durable([record for record, _ in batch]):
                    _answer_refused(batch, record, reason)
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)
            except SpoolError as error:
                _refuse(batch, str(error))
            finally:
                # whatever ends this task, nobody is left waiting
                _refuse(batch, "storing was interrupted")
                self._in_flight = 0

    async def replay(
        self, usage: Usage, remembered: Remembered, replicas: Replicas | None = None, *, pause: float = SHARE_SECONDS
    ) -> None:
        """Keeps the database connected, the schema current, the spool empty, the counts written and replicas told."""
        loaded_until: float | None = None
        pauses, counted, heard = pause, 0.0, 0.0
        while self._replay_store is not None:
            try:
                if not self.database_ready:
                    await self._replay_store.prepare()
                    if loaded_until is None:
                        began = time.time()
                        async for deeds in self._replay_store.recent(remembered.capacity):
                            remembered.load(deeds)
                        loaded_until = began - _LATE_COMMITS
                    self.database_ready, pauses = True, pause
                await self._empty_spool(self._replay_store)
                if replicas is not None:
                    await replicas.exchange(self._replay_store)
                now = time.monotonic()
                if now - heard > PING_SECONDS:
                    loaded_until = await self._catch_up(self._replay_store, remembered, loaded_until)
                    heard = now
                if now - counted > COUNT_SECONDS:
                    await self._write_counts(self._replay_store, usage)
                    await self._report_losses(self._replay_store)
                    counted = now
            except Exception as error:
                # any failure of the driver means the same here: the database is away, and the spool takes over
                self._away(error)
                self._replay_store.drop()
                pauses = min(2 * pauses, 2.0)
            await asyncio.sleep(pauses)
        await asyncio.Event().wait()

    def spooled(self) -> Iterator[Deed]:
        """What waits in the spool, oldest first; reads files, and remembers their keys."""
        for path in self.spool.closed():
            for record in self.spool.read(path):
                self._keys.remember(record)
                yield record.deed

    async def drain(self, usage: Usage) -> None:
        """Refuses new sessions, stores those accepted and spooled, and writes the counts; for an orderly stop."""
        self._stopping = True
        while self._queue or self._in_flight:
            await asyncio.sleep(0.005)
        if self.database_ready and self._replay_store is not None:
            try:
                # what stays in the spool is the promise of this folder alone
                async with asyncio.timeout(4 * self._timeout):
                    await self._empty_spool(self._replay_store)
                await self._write_counts(self._replay_store, usage)
            except Exception as error:
                logger.warning("spool or counts not written at stop", extra={"reason": repr(error)})

    def close(self) -> None:
        """Drops the connections and closes the spool."""
        for store in (self._store, self._replay_store):
            if store is not None:
                store.drop()
        self.spool.close()

    async def _catch_up(self, store: Store, remembered: Remembered, until: float | None) -> float:
        """Takes in what other services of this database received; the asking is a sign of its life too.

        Returns from when on the next look has to begin: a little before this one, for what was still being committed.
        """
        began, since = time.time(), until or 0.0
        for _ in range(_PAGES_A_LOOK):
            deeds, last = await store.since(since)
            remembered.load(deeds)
            if last is None or last <= since:
                return began - _LATE_COMMITS
            since = last
        return since

    async def _make_durable(self, records: list[Record]) -> Refused:
        """Those that were refused for good, with reasons; all others are durable when this returns."""
        if self._store is not None and self.database_ready:
            try:
                return await self._insert(self._store, records)
            except Exception as error:
                # asyncpg raises more than its documented errors (InternalClientError): whatever it was, spool
                self._away(error)
        try:
            await asyncio.to_thread(self.spool.append, records)
        except SpoolError as error:
            if self.spool_error is None:
                logger.error("feedback refused", extra={"reason": str(error)})
            self.spool_error = str(error)
            raise
        self.spool_error = None
        self._metrics.feedback_spooled += len(records)
        return []

    async def _empty_spool(self, store: Store) -> None:
        if not self.spool.size:
            self.spool_error = None
            return
        for path in await asyncio.to_thread(self.spool.closed):
            reading = self.spool.read(path)
            while records := await asyncio.to_thread(lambda lines: list(islice(lines, _REPLAYED_AT_ONCE)), reading):
                await self._insert(store, records)
                self._metrics.feedback_replayed += len(records)
            await asyncio.to_thread(self.spool.remove, path)

    async def _insert(self, store: Store, records: list[Record]) -> Refused:
        """Stores what the database takes; the rest is set aside, row by row, and returned.

        A row that the schema refuses says nothing of the others, nor of the database.
        """
        try:
            new = await store.insert(records)
        except REFUSED_BY_SCHEMA as error:
            if len(records) > 1:
                middle = len(records) // 2
                return [
                    *await self._insert(store, records[:middle]),
                    *await self._insert(store, records[middle:]),
                ]
            return [await self._set_aside(records[0], f"refused by the schema of the database: {error}")]
        self._metrics.feedback_stored += new
        self._metrics.feedback_repeated += len(records) - new
        if new == len(records):
            return []
        return [await self._set_aside(other, _OTHER_FEEDBACK) for other in await store.contradicted(records)]

    async def _set_aside(self, record: Record, reason: str) -> tuple[Record, str]:
        logger.error("feedback set aside", extra={"reason": reason})
        await asyncio.to_thread(self.spool.reject, record, reason)
        self._metrics.refuse("schema")
        return record, reason

    async def _report_losses(self, store: Store) -> None:
        losses = self.spool.losses
        if losses != self._reported:
            await store.report(str(self.spool.folder), losses)
            self._reported = losses

    async def _write_counts(self, store: Store, usage: Usage) -> None:
        counts = usage.take()
        try:
            await store.count(counts)
        except BaseException:
            usage.restore(counts)
            raise

    def _away(self, error: Exception) -> None:
        if self.database_ready or repr(error) != self.database_error:
            logger.warning("database away, feedback goes to the spool", extra={"reason": repr(error)})
        self.database_ready = False
        self.database_error = repr(error)


def _answer_refused(batch: list[Waiting], refused: Record, reason: str) -> None:
    for record, future in batch:
        if record is refused and not future.done():
            future.set_exception(FeedbackRefusedError(reason))


def _refuse(batch: list[Waiting], reason: str) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(FeedbackUnavailableError(reason, 5))

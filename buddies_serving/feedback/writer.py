"""The feedback writer: a bounded queue in front of PostgreSQL, and the spool behind it.

A caller waits until its session is durable: committed in PostgreSQL, or synced to the spool. Sessions that arrive while
a batch is on its way form the next batch, so the batch size follows the load by itself.
"""

import asyncio
from collections import deque
from collections.abc import Iterator

from buddies_serving.errors import FeedbackRefusedError, FeedbackUnavailableError, SpoolError
from buddies_serving.feedback.idempotency import OTHER_FEEDBACK, KeysOfLate
from buddies_serving.feedback.insertion import Insertion, RecordStore, Refused
from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.storage_state import StorageState
from buddies_serving.http.metrics import Metrics
from buddies_serving.types.feedback import Deed, Record

Waiting = tuple[Record, asyncio.Future[None]]


class FeedbackWriter:
    """Accepts sessions and events and makes them durable. `flush` is run by a Supervisor.

    `store`: its own, so that new feedback never waits for the upkeep of the database; None without a database.
    """

    def __init__(
        self,
        spool: Spool,
        metrics: Metrics,
        state: StorageState,
        *,
        store: RecordStore | None,
        capacity: int,
        batch: int,
        timeout: float,
    ) -> None:
        self.spool = spool
        self.state = state
        self._metrics = metrics
        self._store = store
        self._insertion = Insertion(spool, metrics)
        self._capacity = capacity
        self._batch = batch
        self._timeout = timeout
        self._queue: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._in_flight = 0
        self._keys = KeysOfLate()

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
            raise FeedbackRefusedError(OTHER_FEEDBACK)
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

    def spooled(self) -> Iterator[Deed]:
        """What waits in the spool, oldest first; reads files, and remembers their keys."""
        for path in self.spool.closed():
            for record in self.spool.read(path):
                self._keys.remember(record)
                yield record.deed

    async def drain(self) -> None:
        """Refuses new sessions and waits until those accepted are durable; for an orderly stop."""
        self._stopping = True
        while self._queue or self._in_flight:
            await asyncio.sleep(0.005)

    def close(self) -> None:
        """Drops the connection and closes the spool."""
        if self._store is not None:
            self._store.drop()
        self.spool.close()

    async def _make_durable(self, records: list[Record]) -> Refused:
        """Those that were refused for good, with reasons; all others are durable when this returns."""
        if self._store is not None and self.state.database_ready:
            try:
                return await self._insertion.insert(self._store, records)
            except Exception as error:
                # asyncpg raises more than its documented errors (InternalClientError): whatever it was, spool
                self.state.database_is_away(error)
        try:
            await asyncio.to_thread(self.spool.append, records)
        except SpoolError as error:
            self.state.spool_fails(error)
            raise
        self.state.spool_works()
        self._metrics.feedback_spooled += len(records)
        return []


def _answer_refused(batch: list[Waiting], refused: Record, reason: str) -> None:
    for record, future in batch:
        if record is refused and not future.done():
            future.set_exception(FeedbackRefusedError(reason))


def _refuse(batch: list[Waiting], reason: str) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(FeedbackUnavailableError(reason, 5))

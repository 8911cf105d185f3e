"""Records into the database: what it takes is stored, and what it would never take is set aside for a person."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from buddies_serving.feedback.idempotency import OTHER_FEEDBACK
from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.store import REFUSED_BY_SCHEMA
from buddies_serving.http.metrics import Metrics
from buddies_serving.types.feedback import Record

logger = logging.getLogger(__name__)
Refused = list[tuple[Record, str]]
"""Records that were set aside, each with the reason."""


class RecordStore(Protocol):
    """What inserting needs of a database; `FeedbackStore` is the real one. Any call may raise anything."""

    async def insert(self, records: Sequence[Record]) -> int: ...

    async def contradicted(self, records: Sequence[Record]) -> list[Record]: ...

    def drop(self) -> None: ...


class Insertion:
    """The way of records into the database, for new feedback and for what the spool held."""

    def __init__(self, spool: Spool, metrics: Metrics) -> None:
        self._spool = spool
        self._metrics = metrics

    async def insert(self, store: RecordStore, records: list[Record]) -> Refused:
        """Stores what the database takes; the rest is set aside, row by row, and returned.

        A row that the schema refuses says nothing of the others, nor of the database. Raises whatever else the store
        raises; some of the records may be stored then, and inserting them again is harmless.
        """
        try:
            new = await store.insert(records)
        except REFUSED_BY_SCHEMA as error:
            if len(records) > 1:
                middle = len(records) // 2
                return [
                    *await self.insert(store, records[:middle]),
                    *await self.insert(store, records[middle:]),
                ]
            return [await self._set_aside(records[0], f"refused by the schema of the database: {error}")]
        self._metrics.feedback_stored += new
        self._metrics.feedback_repeated += len(records) - new
        if new == len(records):
            return []
        return [await self._set_aside(other, OTHER_FEEDBACK) for other in await store.contradicted(records)]

    async def _set_aside(self, record: Record, reason: str) -> tuple[Record, str]:
        logger.error("feedback set aside", extra={"reason": reason})
        await asyncio.to_thread(self._spool.reject, record, reason)
        self._metrics.refuse("schema")
        return record, reason

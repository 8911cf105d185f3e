"""The end of the database's upkeep: what is in the spool and what was counted reach a database that is there."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.storage_state import StorageState
from buddies_serving.feedback.upkeep import DatabaseUpkeep
from buddies_serving.http.metrics import Metrics
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.usage import Key, Usage
from buddies_serving.types.feedback import Deed, Losses, Record, Session

SESSIONS = [
    Session(f"00000000-0000-0000-0000-{number:012d}", 1.0, 1.0, number, None, 130, (130, 110), "v1", "champion")
    for number in range(3)
]


class Database:
    """Keeps what it is given, or never answers an insert."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.stuck = stuck
        self.rows: list[Record] = []
        self.counts: list[int] = []

    async def insert(self, records: Sequence[Record]) -> int:
        if self.stuck:
            await asyncio.Event().wait()
        self.rows += records
        return len(records)

    async def count(self, served: dict[Key, int]) -> None:
        self.counts += served.values()


@pytest.fixture
def spool(tmp_path: Path):
    spool = Spool(tmp_path / "spool")
    spool.append(SESSIONS)
    yield spool
    spool.close()


def finished(spool: Spool, database: Database, *, ready: bool) -> Usage:
    """What is still to be counted after an orderly stop, before which seven lists were served."""
    state, usage = StorageState(has_database=True), Usage()
    usage.add("v1", "champion", 7)
    if ready:
        state.database_is_here()
    remembered = Remembered(100, lambda user_key: None)
    upkeep = DatabaseUpkeep(spool, Metrics(), state, store=database, usage=usage, remembered=remembered)
    asyncio.run(asyncio.wait_for(upkeep.finish(0.2), 10))
    return usage


def test_a_stop_stores_what_the_spool_holds_and_writes_the_counts(spool: Spool) -> None:
    database = Database()
    usage = finished(spool, database, ready=True)
    assert (database.rows, database.counts) == (SESSIONS, [7])
    assert (spool.size, spool.closed(), usage.pending) == (0, [], {})


@pytest.mark.parametrize("ready", [True, False], ids=["that never answers", "that is away"])
def test_a_stop_does_not_wait_for_a_database(spool: Spool, ready: bool) -> None:
    database = Database(stuck=True)
    usage = finished(spool, database, ready=ready)
    assert (database.rows, database.counts, list(usage.pending.values())) == ([], [], [7])
    assert [record for path in spool.closed() for record in spool.read(path)] == SESSIONS


class OneAtATime:
    """A database that counts what is counted, and fails when two calls meet, as a connection of asyncpg does."""

    def __init__(self) -> None:
        self.busy = False
        self.counts: list[int] = []
        self.began = asyncio.Event()

    async def _call(self) -> None:
        if self.busy:
            raise RuntimeError("another operation is in progress")
        self.busy = True
        self.began.set()
        await asyncio.sleep(0.05)
        self.busy = False

    async def prepare(self) -> None:
        await self._call()

    async def recent(self, limit: int):
        await self._call()
        yield []

    async def since(self, stored: float) -> tuple[list[Deed], float | None]:
        await self._call()
        return [], None

    async def report(self, spool: str, losses: Losses) -> None:
        await self._call()

    async def count(self, served: dict[Key, int]) -> None:
        await self._call()
        self.counts += served.values()

    def drop(self) -> None:
        """Nothing is held."""


def test_a_stop_while_the_database_is_being_used_writes_the_counts_once(tmp_path: Path) -> None:
    async def stopped() -> list[int]:
        database, usage, state = OneAtATime(), Usage(), StorageState(has_database=True)
        usage.add("v1", "champion", 7)
        spool, remembered = Spool(tmp_path / "spool"), Remembered(100, lambda user_key: None)
        upkeep = DatabaseUpkeep(spool, Metrics(), state, store=database, usage=usage, remembered=remembered)
        running = asyncio.create_task(upkeep.run(pause=0.001))
        await database.began.wait()
        await upkeep.finish(5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        spool.close()
        return database.counts

    assert asyncio.run(stopped()) == [7]

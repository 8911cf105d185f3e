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
from buddies_serving.types.feedback import Record, Session

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

"""A state machine of everything that goes wrong at once: what was acknowledged is stored, once, whatever happened."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from buddies_serving.errors import FeedbackRefusedError, FeedbackUnavailableError
from buddies_serving.feedback.spool import Spool
from buddies_serving.feedback.storage_state import StorageState
from buddies_serving.feedback.upkeep import DatabaseUpkeep
from buddies_serving.feedback.writer import FeedbackWriter
from buddies_serving.http.metrics import Metrics
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.usage import Key, Usage
from buddies_serving.supervision import Supervisor
from buddies_serving.types.feedback import Deed, Event, Losses, Record, Session

POISON = 13


def record(number: int) -> Record:
    """Sessions and events by turns."""
    identity = f"00000000-0000-0000-0000-{number:012d}"
    if number % 2 and number != POISON:
        return Event(identity, 1.0, 1.0, number, "a" * 40, "play", song_key="dune\tdi")
    return Session(identity, 1.0, 1.0, number, None, 130, (130, 110), "v1", "champion")


class Database:
    """Rows by key, and a mood: `up`, `down` (raises), `torn` (commits, then raises), `stuck` (never answers)."""

    def __init__(self) -> None:
        self.rows: dict[str, Record] = {}
        self.mood = "up"

    async def insert(self, records: Sequence[Record]) -> int:
        if self.mood == "stuck":
            await asyncio.sleep(0.01)
            raise TimeoutError
        if self.mood == "down":
            raise asyncpg.InternalClientError("unexpected state")
        if any(item.user_id == POISON for item in records):
            raise asyncpg.CheckViolationError("refused by the schema")
        new = {item.identity: item for item in records if item.identity not in self.rows}
        self.rows |= new
        if self.mood == "torn":
            raise ConnectionResetError
        return len(new)

    async def count(self, served: dict[Key, int]) -> None:
        self._look()

    async def contradicted(self, records: Sequence[Record]) -> list[Record]:
        self._look()
        return []

    async def report(self, spool: str, losses: Losses) -> None:
        self._look()

    async def recent(self, limit: int) -> AsyncIterator[list[Deed]]:
        self._look()
        yield [row.deed for row in self.rows.values()]

    async def since(self, received: float) -> tuple[list[Deed], float | None]:
        self._look()
        return [row.deed for row in self.rows.values()], None

    async def prepare(self) -> None:
        self._look()

    def drop(self) -> None:
        pass

    def _look(self) -> None:
        if self.mood in ("down", "stuck"):
            raise ConnectionRefusedError


class FeedbackMachine(RuleBasedStateMachine):
    """Feedback comes while the database, the disk and the process fail in any order."""

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="spool-"))
        self.database = Database()
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self.number = 0
        self.disk_full = False
        self.runner.run(self._boot())

    async def _boot(self) -> None:
        self.spool = Spool(self.folder)
        self._set_disk()
        shared = (self.spool, Metrics(), StorageState(has_database=True))
        self.writer = FeedbackWriter(*shared, store=self.database, capacity=20, batch=4, timeout=0.5)
        remembered = Remembered(100, lambda user_key: None)
        self.upkeep = DatabaseUpkeep(*shared, store=self.database, usage=Usage(), remembered=remembered)
        self.supervisor = Supervisor(first_pause=0.001, longest_pause=0.002)
        self.supervisor.start("feedback", self.writer.flush)
        self.supervisor.start("replay", lambda: self.upkeep.run(pause=0.001))
        await asyncio.sleep(0.002)

    @rule(count=st.integers(1, 12), again=st.booleans())
    def feedback_comes(self, count: int, again: bool) -> None:
        numbers = [self.number + place for place in range(count)]
        self.number += count
        if again:
            numbers += [*numbers[:2], max(0, numbers[0] - 3)]
        self.runner.run(self._submit(numbers))

    async def _submit(self, numbers: list[int]) -> None:
        sessions = [record(number) for number in numbers]
        self.sent |= {item.identity for item in sessions}
        results = await asyncio.gather(*(self.writer.submit(item) for item in sessions), return_exceptions=True)
        for item, result in zip(sessions, results, strict=True):
            refused = isinstance(result, FeedbackRefusedError) and item.user_id == POISON
            assert result is None or refused or isinstance(result, FeedbackUnavailableError), result
            if result is None:
                self.acknowledged.add(item.identity)

    @rule(count=st.integers(1, 12), after=st.sampled_from([0.0, 0.0005, 0.002]))
    def the_process_is_killed_while_feedback_comes(self, count: int, after: float) -> None:
        sessions = [record(self.number + place) for place in range(count)]
        self.number += count
        self.sent |= {item.identity for item in sessions}
        self.runner.run(self._submit_and_crash(sessions, after))
        self.runner.run(self._boot())

    async def _submit_and_crash(self, sessions: list[Session], after: float) -> None:
        waiting = {item.identity: asyncio.create_task(self.writer.submit(item)) for item in sessions}
        await asyncio.sleep(after)
        await self._crash()
        await asyncio.sleep(0)
        for key, task in waiting.items():
            if task.done() and task.exception() is None:
                self.acknowledged.add(key)
            task.cancel()

    @rule(mood=st.sampled_from(["up", "down", "torn", "stuck"]))
    def database_changes(self, mood: str) -> None:
        self.database.mood = mood

    @rule(full=st.booleans())
    def disk_changes(self, full: bool) -> None:
        self.disk_full = full
        self._set_disk()

    def _set_disk(self) -> None:
        self.spool._max_bytes = 0 if self.disk_full else 1 << 20

    @rule()
    def time_passes(self) -> None:
        self.runner.run(asyncio.sleep(0.01))

    @rule()
    def the_process_is_killed_and_started(self) -> None:
        self.runner.run(self._crash())
        self.runner.run(self._boot())

    @precondition(lambda self: not self.disk_full)
    @rule()
    def a_write_is_cut_short_by_a_crash(self) -> None:
        self.runner.run(self._crash())
        (self.folder / "999999999998.spool").write_bytes(b'0badc0de {"session_id":"half')
        self.runner.run(self._boot())
        self.runner.run(asyncio.sleep(0.005))

    async def _crash(self) -> None:
        await self.supervisor.stop()
        self.upkeep.close()
        self.writer.close()

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        self.database.mood, self.disk_full = "up", False
        self._set_disk()
        self.runner.run(self._settle())
        rejected = self.folder / "rejected.ndjson"
        set_apart = {record(POISON).identity} if rejected.exists() else set()
        assert self.acknowledged <= self.database.rows.keys() | set_apart
        assert self.database.rows.keys() <= self.sent
        self.runner.run(self._crash())
        self.runner.close()
        shutil.rmtree(self.folder)

    async def _settle(self) -> None:
        async with asyncio.timeout(60):
            while self.spool.size or not self.writer.state.database_ready or self.writer.queued:
                await asyncio.sleep(0.002)


FeedbackMachine.TestCase.settings = settings(deadline=None, max_examples=40, stateful_step_count=20)
TestFeedback = FeedbackMachine.TestCase

"""Long work beside short requests: in slices of the event loop, or in a few threads, and never too much at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from buddies_serving.http.problems import unavailable

T = TypeVar("T")


class Turns:
    """Takes turns with everybody else: a slice of work, then as long a rest; one long work at a time.

    A request that comes meanwhile waits for one slice at most. Threads would not do: the interpreter hands its lock
    over every 5 ms only, and each of those waits would be somebody's.
    """

    def __init__(self, *, slice_seconds: float = 0.003) -> None:
        self._slice = slice_seconds
        self._turn = asyncio.Lock()

    async def slices(self, steps: Iterable[T]) -> AsyncIterator[list[T]]:
        """What `steps` yields, a slice at a time. Each step should take much less than a slice."""
        running = iter(steps)
        going = True
        while going:
            async with self._turn:
                began, made = time.perf_counter(), []
                going = False
                for step in running:
                    made.append(step)
                    if time.perf_counter() - began > self._slice:
                        going = True
                        break
                if going:
                    await asyncio.sleep(time.perf_counter() - began)
            if made:
                yield made

    async def all(self, steps: Iterable[T]) -> list[T]:
        """Everything that `steps` yields."""
        return [item async for made in self.slices(steps) for item in made]


class Slots:
    """A few places for heavy work and a short line before them; whoever finds the line full is told to come back."""

    def __init__(self, places: int, *, waiting: int) -> None:
        self._free = asyncio.Semaphore(places)
        self._most = places + waiting
        self._here = 0

    @property
    def held(self) -> int:
        """How many have a place or wait for one."""
        return self._here

    def check(self) -> None:
        """Raises Problem 503 when too many wait already."""
        if self._here >= self._most:
            raise unavailable("Too much heavy work is waiting.", 1)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Waits for a place and holds it for the block, however many wait; see `check`."""
        self._here += 1
        try:
            async with self._free:
                yield
        finally:
            self._here -= 1

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Runs work that reads whole matrices, most of it without the interpreter's lock, in a thread."""
        self.check()
        async with self.place():
            return await asyncio.to_thread(work)

"""Long-running tasks that are restarted when they fail, and whose state readiness depends on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)


class Supervisor:
    """Keeps named tasks running. A task that raises, or returns early, is counted, logged and started again."""

    def __init__(self, *, first_pause: float = 0.05, longest_pause: float = 5.0) -> None:
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._down: set[str] = set()
        self.restarts: dict[str, int] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Starts `work` and keeps it running until `stop`."""
        self.restarts[name] = 0
        self._tasks[name] = asyncio.create_task(self._keep(name, work), name=name)

    @property
    def failing(self) -> list[str]:
        """Names of the tasks that do not run at the moment."""
        return sorted(self._down | {name for name, task in self._tasks.items() if task.done()})

    async def stop(self) -> None:
        """Cancels all tasks and waits for them."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        pause, loop = self._first_pause, asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await work()
                logger.error("task ended early", extra={"task": name})
            except asyncio.CancelledError:
                raise
            except Exception:
                logger.exception("task failed", extra={"task": name})
            pause = self._first_pause if loop.time() - started > self._longest_pause else pause
            self.restarts[name] += 1
            self._down.add(name)
            await asyncio.sleep(pause)
            self._down.discard(name)
            pause = min(2 * pause, self._longest_pause)


async def again_and_again(work: Callable[[], object], pause: float) -> None:
    """Does `work` for ever, with `pause` seconds before each time."""
    while True:
        await asyncio.sleep(pause)
        work()

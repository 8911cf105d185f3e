"""The server's end: from SIGTERM on it is not ready, goes on answering for a while, and then ends with exit code 0.

A load balancer learns from `/health/ready` that it should send nobody any more, and needs a moment to look; a server
that closes its port at once turns that moment into refused connections. A second signal ends the wait.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

logger = logging.getLogger(__name__)


class GracefulServer(uvicorn.Server):
    """uvicorn's server with a pause between the signal and the stop.

    Unlike uvicorn's own it does not raise the signal again at its end: a stop that was asked for is no failure.
    """

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None], seconds: float) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._seconds = seconds
        self._asked = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals of a stop are ours while the server runs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        if self.should_exit:
            self.force_exit = True
            return
        self._stopping()
        if self._asked or not self._seconds:
            self.should_exit = True
            return
        self._asked = True
        logger.info("stopping", extra={"reason": f"asked to stop; answering for {self._seconds:g} s more"})
        asyncio.get_running_loop().call_later(self._seconds, self._exit)

    def _exit(self) -> None:
        self.should_exit = True

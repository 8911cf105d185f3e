"""Progress of long work: steps report how far they are, whoever shows it (a terminal, a log) registers a listener."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """Where a step stands. `seconds_left` is None until something has been done in this run."""

    step: str
    done: int
    total: int
    rows: int
    seconds: float
    seconds_left: float | None
    note: str = ""


Listener = Callable[[Report], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send every report to `listener` while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@dataclass
class Tracker:
    """Counts one step's units of work and reports; safe to call from several threads."""

    step: str
    total: int
    done: int = 0
    rows: int = 0
    _start: float = field(default_factory=time.monotonic)
    _initial: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, units: int = 1, *, rows: int = 0, note: str = "") -> None:
        """Count `units` more as done."""
        with self._lock:
            self.done += units
            self.rows += rows
            self._report(note)

    def _report(self, note: str = "") -> None:
        seconds = time.monotonic() - self._start
        fresh = self.done - self._initial
        left = seconds / fresh * (self.total - self.done) if fresh else None
        for listener in _listeners:
            listener(Report(self.step, self.done, self.total, self.rows, seconds, left, note))


@contextmanager
def track(step: str, total: int, done: int = 0) -> Iterator[Tracker]:
    """Track a step of `total` units of which `done` are there already."""
    tracker = Tracker(step, total, done, _initial=done)
    tracker._report()
    yield tracker

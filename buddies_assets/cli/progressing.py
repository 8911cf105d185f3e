"""Progress of everything that reports it: bars on a terminal, plain lines in a file or a pipe."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from buddies_core.storage import progress

LINE_SECONDS = 10.0
_RUN = "run"


class Bars:
    """One bar a step; a step that ends leaves its line."""

    def __init__(self, display: Progress) -> None:
        self._display = display
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, report: progress.Report) -> None:
        """Show a report of `buddies_core.storage.progress`."""
        self.advance_to(report.step, report.done, report.total)

    def advance_to(self, step: str, done: int, total: int) -> None:
        """Show that `done` of `total` units of the step are done."""
        if step not in self._tasks:
            self._tasks[step] = self._display.add_task(step, total=total)
        self._display.update(self._tasks[step], completed=done, total=total)

    def turn_to(self, what: str, number: int, total: int) -> None:
        """Show what of a run is made now, the `number`-th of `total`; the same bar for all of them."""
        self.advance_to(_RUN, number - 1, total)
        self._display.update(self._tasks[_RUN], description=what)

    def say(self, text: str | Text) -> None:
        """Print a line above the bars."""
        self._display.console.print(text, soft_wrap=True)


class Lines:
    """A line when a step begins, at most every ten seconds while it goes on, and when it is done."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, report: progress.Report) -> None:
        """Take a report of `buddies_core.storage.progress`."""
        self.advance_to(report.step, report.done, report.total)

    def advance_to(self, step: str, done: int, total: int) -> None:
        """Take that `done` of `total` units of the step are done."""
        with self._lock:
            now = self._clock()
            began = self._began.setdefault(step, now)
            is_due = step not in self._said or now - self._said[step] >= LINE_SECONDS
            if not is_due and done < total:
                return
            self._said[step] = now
            self.say(f"{step}: {done:,} of {total:,} after {now - began:.0f} s")

    def turn_to(self, what: str, number: int, total: int) -> None:
        """Say what of a run is made now, the `number`-th of `total`."""
        began = self._began.setdefault(_RUN, self._clock())
        self.say(f"{number} of {total}: {what}, after {self._clock() - began:.0f} s")

    def say(self, text: str | Text) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True, highlight=False)


@contextmanager
def progress_bars(console: Console) -> Iterator[Bars | Lines]:
    """Bars, or lines where there is no terminal, that listen to every report while the block runs."""
    if not console.is_terminal:
        lines = Lines(console)
        with progress.listening(lines):
            yield lines
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as display:
        bars = Bars(display)
        with progress.listening(bars):
            yield bars

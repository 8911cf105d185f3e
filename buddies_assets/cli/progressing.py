"""Progress bars on the terminal for everything that reports progress."""

from collections.abc import Iterator
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

    def say(self, text: str | Text) -> None:
        """Print a line above the bars."""
        self._display.console.print(text, soft_wrap=True)


@contextmanager
def progress_bars(console: Console) -> Iterator[Bars]:
    """Bars that listen to every report while the block runs."""
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

"""What a page consists of: tiles with a figure each, charts, and tables. Templates draw these and know nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from quality.dashboard.plot import Plot

if TYPE_CHECKING:
    from quality.dashboard.context import Context

Kind = Literal[
    "text",
    "code",
    "number",
    "state",
    "severity",
    "strip",
    "trend",
    "when",
    "run",
    "check",
    "asset",
    "incident",
    "found",
    "followed",
]


Draw = Callable[["Context"], Plot | None]
"""What draws a chart."""


@dataclass(frozen=True)
class Tile:
    """One figure with its name, a note on what to compare it with, and the run behind it."""

    label: str
    value: str
    note: str = ""
    state: str = ""
    run_id: str | None = None


@dataclass(frozen=True)
class Figure:
    """One chart: `chart` names it in URLs; `empty` says what to do when there is nothing to draw."""

    chart: str
    title: str
    subtitle: str
    empty: str
    wide: bool = False
    run_id: str | None = None


@dataclass(frozen=True)
class Column:
    """One column of a table: the key of its rows, its heading and how a cell is drawn."""

    key: str
    label: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """One table; its rows are what the CSV holds too.

    `choose` are what its content can be chosen from, by the name in the URL, and `chosen` what is.
    """

    name: str
    title: str
    subtitle: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    empty: str
    wide: bool = True
    choose: Mapping[str, Sequence[str]] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far something is: `done` of `whole`."""

    label: str
    done: int
    whole: int
    note: str = ""


@dataclass(frozen=True)
class Actions:
    """What can be done with an incident: by its number, with its owner for the form."""

    incident: int
    owner: str
    muted: bool
    can_change: bool


@dataclass(frozen=True)
class View:
    """A page's content."""

    title: str
    subtitle: str
    tiles: Sequence[Tile] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    progress: Progress | None = None
    notice: str = ""
    text: Sequence[tuple[str, str]] = ()
    actions: Actions | None = None


@dataclass(frozen=True, eq=False)
class Page:
    """A page of the dashboard: its content, and its charts and tables by name.

    `more_charts` are those that systems bring, looked up anew each time.
    """

    name: str
    label: str
    view: Callable[["Context"], View | None]
    charts: Mapping[str, "Draw"] = field(default_factory=dict)
    more_charts: Callable[[], Mapping[str, "Draw"]] = dict
    tables: Mapping[str, Callable[["Context"], Table]] = field(default_factory=dict)

    def chart(self, name: str) -> "Draw | None":
        """What draws a chart; None where the page has none of that name."""
        return self.charts.get(name) or self.more_charts().get(name)


def number(value: float | None, digits: int = 0) -> str:
    """A figure with thousands separators; an en dash for none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent; an en dash for none."""
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def age(seconds: float | None) -> str:
    """A duration in its largest unit."""
    if seconds is None:
        return "–"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"

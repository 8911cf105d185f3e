"""How an asset or a check is, and why: what all pages, the alerts and `buddies status` read.

`quality.diagnosis` makes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from quality.history.standing import CheckStanding, JobRun
from quality.standstill import Standstill


class State(Enum):
    """How something is; the later, the worse. `tone` is the colour: ok, unknown, warn or fail."""

    OK = ("ok", "ok")
    UNKNOWN = ("never made", "unknown")
    RETIRED = ("not in the graph", "unknown")
    RESTING = ("rests on a failure", "warn")
    WARN = ("warn", "warn")
    STALE = ("stale", "warn")
    UNCHECKED = ("not checked", "warn")
    WRONG_CLOCK = ("wrong clock", "warn")
    CANCELLED = ("cancelled", "warn")
    OVERDUE = ("overdue", "warn")
    DID_NOT_RUN = ("did not run", "fail")
    RUN_FAILED = ("run failed", "fail")
    ERRORED = ("errored", "fail")
    FAIL = ("fail", "fail")
    DAMAGED = ("damaged", "fail")

    def __init__(self, label: str, tone: str) -> None:
        self.label = label
        self.tone = tone

    @property
    def rank(self) -> int:
        """Place from good to bad."""
        return list(State).index(self)


UNMADE = (State.UNKNOWN, State.RETIRED)
"""States of what there is nothing to say of: it counts neither as healthy nor as not."""


@dataclass(frozen=True)
class Health:
    """A state and its reasons, the worst first. `run_id` is the run to look at; `cause` the asset it rests on."""

    state: State
    reasons: tuple[str, ...]
    run_id: str | None = None
    causes: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The reasons as one line."""
        return "; ".join(self.reasons)


@dataclass(frozen=True)
class CheckHealth:
    """One check: where it stands, how it is, and what became of the last attempt at it."""

    standing: CheckStanding
    state: State
    reason: str
    run_id: str | None

    @property
    def asset(self) -> str:
        """The asset that is judged."""
        return self.standing.asset

    @property
    def name(self) -> str:
        """Name of the check."""
        return self.standing.check_name

    @property
    def label(self) -> str:
        """Its state in a word: an asset is ok, a check passes."""
        return "pass" if self.state is State.OK else self.state.label


@dataclass(frozen=True)
class Code:
    """The assets that the code has, and its checks as (asset, name): what else the history has was renamed."""

    assets: frozenset[str]
    checks: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class AssetFacts:
    """What is known of one asset: its newest stored version (None: none), the age from which that is stale, and what
    is wrong with its files."""

    made_at: datetime | None = None
    run_id: str | None = None
    maximum_age: timedelta | None = None
    damage: str | None = None


@dataclass(frozen=True)
class Report:
    """The health of everything: assets and checks, jobs of plain ops whose last run failed, and what stands still."""

    assets: Mapping[str, Health]
    checks: Sequence[CheckHealth]
    jobs: Mapping[str, JobRun] = field(default_factory=dict)
    standstills: Sequence[Standstill] = ()

    def checks_of(self, asset: str) -> list[CheckHealth]:
        """The checks of one asset, the worst first."""
        return [check for check in self.checks if check.standing.asset == asset]

    @property
    def open_checks(self) -> list[CheckHealth]:
        """Checks that need somebody, the worst first."""
        return [check for check in self.checks if check.state is not State.OK]

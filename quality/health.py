"""How an asset is: the worst of its last materialisation, its freshness and its checks, with the reason in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any


class State(IntEnum):
    """Healths, better first; `unknown` is an asset that was never made."""

    OK = 0
    UNKNOWN = 1
    WARN = 2
    FAIL = 3

    @property
    def label(self) -> str:
        """Lower-case name, as style sheets and charts use it."""
        return self.name.lower()


@dataclass(frozen=True)
class Health:
    """A state and why."""

    state: State
    reason: str


def judge_asset(
    made_at: datetime | None, now: datetime, maximum_age: timedelta | None, checks: Sequence[Mapping[str, Any]]
) -> Health:
    """Health of one asset; `checks` are rows of where its checks stand (`last_passed`, `severity`, `check_name`)."""
    failed = [c["check_name"] for c in checks if not c["last_passed"] and c["severity"] == "error"]
    warned = [c["check_name"] for c in checks if not c["last_passed"] and c["severity"] == "warn"]
    if failed:
        return Health(State.FAIL, f"{len(failed)} failing: {', '.join(failed[:3])}")
    if made_at is None and not checks:
        return Health(State.UNKNOWN, "never materialised")
    if made_at is not None and maximum_age is not None and now - made_at > maximum_age:
        return Health(State.WARN, f"older than {maximum_age.days} days")
    if warned:
        return Health(State.WARN, f"{len(warned)} warning: {', '.join(warned[:3])}")
    return Health(State.OK, f"{len(checks)} checks pass" if checks else "materialised, no check")

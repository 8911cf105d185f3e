"""What stands still in Dagster: daemons without a sign of life, and sensors and schedules whose last tick failed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from quality.history.automation import Automaton

SILENT = timedelta(minutes=5)
"""Age of a daemon's sign of life, given every thirty seconds, from which it counts as dead."""


@dataclass(frozen=True)
class Standstill:
    """What does not run any more: its name, the same as long as it does not; why; since when."""

    name: str
    text: str
    since: datetime


def standstills(automata: Iterable[Automaton], now: datetime) -> list[Standstill]:
    """Everything that stands still. Daemons are threads of one process: where all are silent, that is one."""
    held = list(automata)
    daemons = [one for one in held if one.kind == "daemon"]
    silent = [one for one in daemons if now - one.seen_at > SILENT]
    found = []
    if silent and len(silent) == len(daemons):
        since = max(one.seen_at for one in silent)
        text = f"no sign of life since {since:%d %b %H:%M} UTC: sensors, schedules, queued runs and alerts stand still"
        return [Standstill("the Dagster daemon", text, since)]
    for one in silent:
        text = f"no sign of life since {one.seen_at:%d %b %H:%M} UTC"
        found.append(Standstill(f"the daemon {one.name}", text, one.seen_at))
    for one in held:
        if one.error is not None and one not in silent:
            what = "the daemon" if one.kind == "daemon" else one.kind
            found.append(Standstill(f"{what} {one.name}", f"fails: {one.error}", one.failing_since or one.seen_at))
    return found

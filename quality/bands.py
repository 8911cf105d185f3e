"""Bands learnt from a figure's own past: what its next value should be, by level, drift and day of the week.

The next value is expected at the median of the last seven days, corrected by how far values usually lie from that: not
at all, as all of them do (a figure that grows), or as those of the same weekday do (a week's season). The correction
that would have done best on the past, each value foretold from those before it, is taken; a dearer one only where its
errors are clearly smaller. How wide the band is comes from these errors. Medians throughout, so that a fault in the
past neither moves the band nor widens it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from quality.rules.verdict import SIGMAS

LEVEL = timedelta(days=7)
REACH = timedelta(weeks=8)
"""How far back errors are remembered."""
LEAST_OF_LEVEL = 3
LEAST_ERRORS = 8
"""Errors from which a band is drawn; with fewer it is still being learnt."""
LEAST_OF_WEEKDAY = 3
"""Values of the same weekday from which a season is known."""
MOST = 120
"""Newest values that are looked at: a figure that is made anew every hour has thousands."""
CLEARLY = 0.85
"""How much smaller the errors of a dearer correction must be."""
LEAST_COUNT = 10
"""Expected counts from which a band can be too wide to judge."""
NARROWEST = 0.05
"""Half the least width of a band, as a share of what is expected."""
WIDEST = 10.0
"""Half the width of a count's band, as a factor: one that lets a tenth or tenfold pass judges nothing."""
WIDEST_SHARE = 0.5
"""Half the width of a share's band from which it judges nothing."""
NOT_JUDGED = "not judged yet: too few of them, or too uneven"
_NORMAL = 1.4826
_TAIL, _TAIL_OF_NORMAL = 0.8, 1.2816

METHODS = ("level", "level and drift", "level and weekday")
"""From cheap to dear."""


@dataclass(frozen=True)
class Seen:
    """A value at a time."""

    at: datetime
    value: float


@dataclass(frozen=True)
class Band:
    """Where a value is expected: the limits, their middle, which correction was taken, the errors it rests on."""

    low: float
    high: float
    expected: float
    method: str
    errors: int

    def holds(self, value: float) -> bool:
        """Whether a value is in the band."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class _Past:
    """A value that was, with its distance from the level before it and the error of each method (None: it had none)."""

    at: datetime
    off: float
    errors: tuple[float | None, ...]


def judged(history: Sequence[Seen], room: float = 0.0) -> list[Band | None]:
    """For each value, oldest first, the band learnt from those before it; None while it is being learnt.

    None, too, where those before are so few and uneven that hardly anything could leave the band: what cannot fail must
    not look as if it had been judged.

    Counts (whole, none below zero) are judged by their ratios, so that a season of a growing count grows with it.

    Args:
        room: half the least width of a band in the figure's own unit, for shares; else it is a share of the expected.
    """
    by_ratio = not room and _counts(history)
    values = [Seen(seen.at, math.log1p(seen.value) if by_ratio else seen.value) for seen in history]
    found: list[Band | None] = []
    past: list[_Past] = []
    for number, seen in enumerate(values):
        level = _level(values[max(0, number - MOST) : number], seen.at)
        if level is None:
            found.append(None)
            continue
        past = [one for one in past[-MOST:] if one.at > seen.at - REACH]
        guesses = _corrections(past, seen.at)
        found.append(_band(level, guesses, past, room, by_ratio))
        off = seen.value - level
        errors = tuple(None if guess is None else abs(off - guess) for guess in guesses)
        past.append(_Past(seen.at, off, errors))
    return found


def _counts(history: Sequence[Seen]) -> bool:
    return all(seen.value >= 0 and float(seen.value).is_integer() for seen in history)


def _level(before: Sequence[Seen], at: datetime) -> float | None:
    """The median of the last seven days; of the last values where those days have too few."""
    if len(before) < LEAST_OF_LEVEL:
        return None
    recent = [seen.value for seen in before if seen.at > at - LEVEL]
    return median(recent if len(recent) >= LEAST_OF_LEVEL else [seen.value for seen in before[-LEAST_OF_LEVEL:]])


def _corrections(past: Sequence[_Past], at: datetime) -> tuple[float | None, ...]:
    """What each method adds to the level."""
    everyday = [one.off for one in past]
    weekday = [one.off for one in past if one.at.weekday() == at.weekday()]
    return (
        0.0,
        median(everyday) if len(everyday) >= LEAST_OF_WEEKDAY else None,
        median(weekday) if len(weekday) >= LEAST_OF_WEEKDAY else None,
    )


def _band(
    level: float, guesses: Sequence[float | None], past: Sequence[_Past], room: float, by_ratio: bool
) -> Band | None:
    chosen = _chosen(guesses, past)
    errors = _errors(past, chosen)
    if len(errors) < LEAST_ERRORS:
        return None
    expected = level + (guesses[chosen] or 0.0)
    sigma = max(_NORMAL * median(errors), errors[math.ceil(_TAIL * len(errors)) - 1] / _TAIL_OF_NORMAL)
    # Few errors tell little of the next: the band is wider then, as that of a t distribution is.
    wide = SIGMAS * sigma * (1 + 6 / len(errors))
    if _judges_nothing(wide, expected, room, by_ratio):
        return None
    least = math.log1p(NARROWEST) if by_ratio else max(room, 0.0 if room else NARROWEST * abs(expected))
    low, high = expected - max(wide, least), expected + max(wide, least)
    if by_ratio:
        low, high, expected = (math.expm1(edge) for edge in (max(low, 0.0), min(high, 700.0), expected))
        low, high = float(math.floor(low)), float(math.ceil(high))  # a count is whole
    return Band(low, high, expected, METHODS[chosen], len(errors))


def _judges_nothing(wide: float, expected: float, room: float, by_ratio: bool) -> bool:
    if by_ratio:
        # Of a handful, ten times as many may be no news; a band of so few is narrow in itself.
        return wide > math.log(WIDEST) and math.expm1(expected) >= LEAST_COUNT
    return bool(room) and wide > WIDEST_SHARE


def _errors(past: Sequence[_Past], method: int) -> list[float]:
    return sorted(found for one in past if (found := one.errors[method]) is not None)


def _chosen(guesses: Sequence[float | None], past: Sequence[_Past]) -> int:
    """The method with the smallest median error where all that are compared had one; the cheaper when it is close."""
    chosen = 0
    for method in range(1, len(METHODS)):
        both = [one.errors for one in past if one.errors[method] is not None and one.errors[chosen] is not None]
        if guesses[method] is None or len(both) < LEAST_ERRORS:
            continue
        mine, other = (median(errors[m] or 0.0 for errors in both) for m in (method, chosen))
        if mine < CLEARLY * other:
            chosen = method
    return chosen

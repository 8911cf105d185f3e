"""What a comparison of two versions says, and why there may be none."""

from dataclasses import dataclass

from buddies_core.errors import BuddiesError
from buddies_core.evaluation.paired import Gain

FEWEST = 20
"""Listeners below which a segment has no interval: a bootstrap of so few says more than it knows."""
MEASURES = ("precision", "hits")


class NothingToCompareError(BuddiesError):
    """Two versions that cannot be compared: no listener of both has plays that they were not told."""


@dataclass(frozen=True)
class Compared:
    """A measure of both versions on the listeners of a segment.

    `gain` is the second's lead, paired by listener, with its 95 % interval; None with fewer than 20 listeners.
    """

    kind: str
    segment: str
    measure: str
    listeners: int
    first: float
    second: float
    gain: Gain | None

    @property
    def verdict(self) -> str:
        """Whether the second is surely better or worse; `undecided` where the interval holds 0, or there is none."""
        if self.gain is None or self.gain.low <= 0 <= self.gain.high:
            return "undecided"
        return "better" if self.gain.low > 0 else "worse"

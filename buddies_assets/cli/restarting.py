"""When a server that ended is started again: after pauses that double; and from when on it is given up."""

from dataclasses import dataclass

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STEADY_SECONDS = 60.0
"""A server that lived this long had started well: its next end begins the count anew."""
MOST_FAILURES = 6
"""Ends in a row after which a server that everything needs is given up: about a minute after the first."""


@dataclass(frozen=True)
class Restarts:
    """How often a server ended in a row without having been steady between."""

    failures: int = 0

    def after_end(self, lived_seconds: float) -> "Restarts":
        """The count after one more end."""
        return Restarts(1 if lived_seconds >= STEADY_SECONDS else self.failures + 1)

    @property
    def pause(self) -> float:
        """Seconds to wait before the next start."""
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** max(0, self.failures - 1))

    @property
    def hopeless(self) -> bool:
        """Whether one more start would be no use."""
        return self.failures >= MOST_FAILURES

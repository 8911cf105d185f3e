"""Clocks: the machine's own, and one that simulations move by hand."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved; two weeks pass as fast as the work in them."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"A clock needs a time zone: {start} has none; add tzinfo=UTC.")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it was moved to last, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on by a duration and return the new time."""
        self._now += by
        return self._now

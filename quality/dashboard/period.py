"""The range of days that a page is about, as its URL says it: `?from=2026-01-01&to=2026-03-31`, both included."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from buddies_core.errors import BuddiesError

DEFAULT_DAYS = 90
EARLIEST, LATEST = date(1970, 1, 1), date(2199, 12, 31)
"""Nothing is older or newer: a range is cut to these days, which a form then shows."""
PRESETS = (("7 d", 7), ("28 d", 28), ("90 d", 90), ("1 y", 365))


class InvalidPeriodError(BuddiesError, ValueError):
    """The dates of a URL are not dates, or end before they begin."""


@dataclass(frozen=True)
class Period:
    """Days from `first` to `last`, both included, in UTC."""

    first: date
    last: date

    @classmethod
    def parse(cls, first: str | None, last: str | None, today: date) -> "Period":
        """The period of a URL's dates, within `EARLIEST` and `LATEST`; what is left out is the last ninety days.

        Raises:
            InvalidPeriodError: a text is no ISO date, or the end lies before the beginning.
        """
        try:
            end = date.fromisoformat(last) if last else today
            start = date.fromisoformat(first) if first else max(end, EARLIEST) - timedelta(days=DEFAULT_DAYS - 1)
        except ValueError as error:
            raise InvalidPeriodError(f"{error}. Write dates as YYYY-MM-DD.") from error
        if start > end:
            raise InvalidPeriodError(f"The range ends ({end}) before it begins ({start}). Exchange the two dates.")
        return cls(min(max(start, EARLIEST), LATEST), min(max(end, EARLIEST), LATEST))

    @property
    def after(self) -> date:
        """The first day that is no longer part of it."""
        return self.last + timedelta(days=1)

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.after - self.first).days

    @property
    def since(self) -> datetime:
        """Midnight UTC at its beginning."""
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    @property
    def until(self) -> datetime:
        """Midnight UTC after its end."""
        return datetime(self.after.year, self.after.month, self.after.day, tzinfo=UTC)

    @property
    def before(self) -> "Period":
        """The period of the same length just before it."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    @property
    def query(self) -> str:
        """Its part of a URL."""
        return urlencode({"from": self.first.isoformat(), "to": self.last.isoformat()})

    def presets(self, today: date) -> list[dict[str, Any]]:
        """The usual ranges up to today, with the one that is shown marked."""
        found = []
        for label, days in PRESETS:
            period = Period(today - timedelta(days=days - 1), today)
            found.append({"label": label, "query": period.query, "current": period == self})
        return found

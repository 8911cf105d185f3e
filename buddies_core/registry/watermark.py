"""What of the feedback a model has seen: sessions by day, kept in the lineage of its checkpoint.

Counts by day of creation, rather than a time or a row number: a session that was spooled for hours, sent late, or
committed out of order still makes its day larger than what the checkpoint saw, and feedback older than the window,
deleted or not, plays no part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DAY_COUNTS = """
SELECT day, counted.sessions
FROM (SELECT %(first)s::date + n AS day FROM generate_series(0, %(last)s::date - %(first)s::date) AS n) AS days
CROSS JOIN LATERAL (
    SELECT count(*) AS sessions FROM feedback.sessions
    WHERE created_at >= day::timestamp AT TIME ZONE 'UTC'
      AND created_at < (day + 1)::timestamp AT TIME ZONE 'UTC'
) AS counted
WHERE counted.sessions > 0
"""


@dataclass(frozen=True)
class Watermark:
    """Sessions by ISO day that a training has read."""

    days: Mapping[str, int] = field(default_factory=dict)

    @property
    def sessions(self) -> int:
        """Sessions read in all."""
        return sum(self.days.values())

    def new_sessions(self, counts: Mapping[str, int], window: Iterable[str]) -> int:
        """Sessions of the window's days that this training has not read; `counts` is what is stored now."""
        return sum(max(0, counts.get(day, 0) - self.days.get(day, 0)) for day in window)

    def changed_days(self, counts: Mapping[str, int], window: Iterable[str]) -> list[str]:
        """Days of the window whose number of sessions is another than this training read."""
        return [day for day in window if counts.get(day, 0) != self.days.get(day, 0)]

    def as_lineage(self) -> dict[str, Any]:
        """The watermark as an entry of a checkpoint's lineage."""
        return {"sessions": self.sessions, "days": dict(sorted(self.days.items()))}

    @classmethod
    def of_lineage(cls, lineage: Mapping[str, Any], kind: str = "feedback") -> "Watermark":
        """The watermark of a checkpoint, of `feedback` or of `events`; trained without, nothing was read."""
        return cls(dict(lineage.get(kind, {}).get("days", {})))


def day_counts(connection: "Connection", first: date, last: date) -> dict[str, int]:
    """Sessions by ISO day of creation (UTC) from `first` to `last`; days without any are left out."""
    found = rows(connection, DAY_COUNTS, {"first": first, "last": last})
    return {row["day"].isoformat(): int(row["sessions"]) for row in found}


def window_days(now: datetime, days: int) -> list[date]:
    """The days (UTC) that a training at `now` reads feedback of, oldest first; `now` is in the last."""
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=ago) for ago in range(days - 1, -1, -1)]


def new_sessions(
    counts: Mapping[str, int], lineage: Mapping[str, Any], now: datetime, days: int, kind: str = "feedback"
) -> int:
    """Sessions, or `events`, of the last `days` days that the training with this lineage has not read.

    `counts` is what is stored now, by day.

    What the retraining sensor decides by, and what the dashboard shows as progress to the next retraining.
    """
    window = [day.isoformat() for day in window_days(now, days)]
    return Watermark.of_lineage(lineage, kind).new_sessions(counts, window)

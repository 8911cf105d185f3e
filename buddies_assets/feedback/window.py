"""The sliding window of feedback that a model is trained on, and how sessions leave it.

A session counts in full until it reaches the last `phase_days` of the window; from there its expected share falls
linearly to nothing, so that what the model learns from does not lose a whole day at midnight.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True)
class Window:
    """The days of feedback that count at a moment.

    Attributes:
        end: the moment.
        days: length; today is its last day, in part.
        phase_days: how many of the oldest days are being phased out.
    """

    end: datetime
    days: int
    phase_days: int

    def __post_init__(self) -> None:
        if self.end.tzinfo is None:
            raise ValueError(f"The window's end {self.end} has no time zone; give it in UTC.")
        if not 0 <= self.phase_days <= self.days:
            raise ValueError(
                f"The last {self.phase_days} of {self.days} days cannot be phased out: "
                "set BUDDIES_FEEDBACK_PHASE_DAYS to at most BUDDIES_FEEDBACK_WINDOW_DAYS."
            )

    @property
    def first_day(self) -> date:
        """The oldest day of which anything counts."""
        return self.start.date()

    @property
    def last_day(self) -> date:
        """The day of the moment itself (UTC)."""
        return self.end.astimezone(UTC).date()

    @property
    def start(self) -> datetime:
        """The midnight (UTC) from which sessions count."""
        midnight = datetime.combine(self.last_day, datetime.min.time(), UTC)
        return midnight - timedelta(days=self.days - 1)

    def partitions(self) -> list[str]:
        """ISO dates of the window's days, oldest first."""
        return [(self.first_day + timedelta(days=day)).isoformat() for day in range(self.days)]

    def share(self, created_at: datetime) -> float:
        """What a session of that time counts, in [0, 1]; 0 outside the window. All of the last day is inside it."""
        if created_at < self.start or created_at.astimezone(UTC).date() > self.last_day:
            return 0.0
        if self.phase_days == 0:
            return 1.0
        phased_until = self.start + timedelta(days=self.phase_days)
        return min(1.0, (created_at - self.start) / (phased_until - self.start))

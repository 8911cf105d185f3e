"""What of the feedback a model has seen: sessions by day, kept in the lineage of its checkpoint.

Counts by day of creation, rather than a time or a row number: a session that was spooled for hours, sent late, or
committed out of order still makes its day larger than what the checkpoint saw, and feedback older than the window,
deleted or not, plays no part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


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
    def of_lineage(cls, lineage: Mapping[str, Any]) -> "Watermark":
        """The watermark of a checkpoint; of one that was trained without feedback, nothing was read."""
        return cls(dict(lineage.get("feedback", {}).get("days", {})))

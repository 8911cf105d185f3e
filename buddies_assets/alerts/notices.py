"""What people are told: incidents that began or are over, and a list of those that are open still, as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from quality.history.incidents import Record

Kind = Literal["opened", "resolved", "digest"]
MARKS = {"opened": "failing", "resolved": "recovered", "digest": "still failing"}


@dataclass(frozen=True)
class Notice:
    """One message: of one incident, or of several at once.

    `what_to_do` and `listeners` are the runbook and what listeners get meanwhile, by the incident's number.
    """

    kind: Kind
    records: tuple[Record, ...]
    dashboard: str
    now: datetime
    what_to_do: Mapping[int, str]
    listeners: Mapping[int, str]

    @property
    def title(self) -> str:
        """One line: what it is about."""
        if len(self.records) == 1:
            return f"{MARKS[self.kind]}: {self.records[0].subject}"
        return f"{len(self.records)} incidents {MARKS[self.kind]}"

    def told(self, record: Record) -> str:
        """One incident as a line."""
        if self.kind == "resolved":
            return f"{record.subject} recovered; it was: {record.line}"
        taken = f", taken by {record.acknowledged_by}" if record.acknowledged_by else ""
        return f"{record.subject}: {record.line} (owner {record.owner}{taken})"

    def url(self, record: Record) -> str:
        """The incident's page."""
        return f"{self.dashboard}/incident?incident={record.id}"

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        return "\n\n".join(self.paragraph(record) for record in self.records)

    def paragraph(self, record: Record) -> str:
        """All about one incident: what, whom to ask, since when, what to do."""
        lines = [self.told(record)]
        if self.kind != "resolved":
            lines.append(f"Since {record.since:%d %b %Y %H:%M} UTC, run {(record.run_id or 'none')[:8]}.")
            lines += [told[record.id] for told in (self.listeners, self.what_to_do) if record.id in told]
        return "\n".join([*lines, self.url(record)])

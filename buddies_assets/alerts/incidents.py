"""Which alerts to send: one message when something begins to fail, one when it has recovered, none in between."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    """One thing to tell people; `recovered` is the end of an incident."""

    subject: str
    text: str
    recovered: bool


@dataclass(frozen=True)
class Incidents:
    """Failures announced and not recovered: subject -> what was said of it. Kept in a sensor's cursor."""

    open: Mapping[str, str] = field(default_factory=dict)

    def update(self, failing: Mapping[str, str], known: set[str] | None = None) -> tuple["Incidents", list[Message]]:
        """What is failing now (subject -> text): the incidents after, and the messages between.

        Args:
            known: subjects that were looked at; an open incident that was not looked at stays open.
        """
        begun = [Message(subject, text, False) for subject, text in sorted(failing.items()) if subject not in self.open]
        ended = [
            Message(subject, f"recovered; it was: {text}", True)
            for subject, text in sorted(self.open.items())
            if subject not in failing and (known is None or subject in known)
        ]
        over = {message.subject for message in ended}
        kept = {subject: text for subject, text in self.open.items() if subject not in over}
        return Incidents(kept | {message.subject: message.text for message in begun}), begun + ended

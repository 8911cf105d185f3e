"""Who is told, each in a form of its own: Slack, Alertmanager, PagerDuty, e-mail, plain JSON, the log."""

import hashlib
import smtplib
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, ClassVar
from urllib.request import Request, urlopen

from buddies_assets.alerts.notices import Notice
from buddies_core import json_text
from quality.history.incidents import Record

TIMEOUT_SECONDS = 10
LONGEST_SUMMARY, LONGEST_BLOCK = 1024, 2900
"""What PagerDuty takes as a summary, and Slack as a section."""


@dataclass(frozen=True, kw_only=True)
class Receiver(ABC):
    """Somebody who is told.

    Attributes:
        name: what it is called in messages: no secret of its address.
        key: what tells it from others, for as long as its address stays.
        lists: whether several incidents may come in one message, and digests.
        repeats: whether what is open must be told again and again, since it is forgotten otherwise.
    """

    name: str
    key: str
    lists: ClassVar[bool] = True
    repeats: ClassVar[bool] = False

    @abstractmethod
    def tell(self, notice: Notice) -> None:
        """Deliver a message, or raise an `OSError`."""


def key_of(kind: str, address: str) -> str:
    """A name for an address that gives none of its secrets away."""
    return f"{kind}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def post(url: str, body: Any) -> None:
    """Send JSON; a status of 400 and above is an error."""
    request = Request(url, json_text.dumps(body).encode(), {"content-type": "application/json"})
    urlopen(request, timeout=TIMEOUT_SECONDS).close()


@dataclass(frozen=True)
class Webhook(Receiver):
    """Plain JSON: text, subject, state, owner, and the incidents' pages."""

    url: str

    def tell(self, notice: Notice) -> None:
        """Post it."""
        records = notice.records
        first = records[0]
        state = "recovered" if notice.kind == "resolved" else "failing"
        subject = first.subject if len(records) == 1 else notice.title
        body = {
            "text": " · ".join(notice.told(r) for r in records),
            "subject": subject,
            "state": state,
            "owner": first.owner,
        }
        post(self.url, body | {"kind": notice.kind, "incidents": [notice.url(record) for record in records]})


@dataclass(frozen=True)
class Slack(Receiver):
    """An incoming webhook: a text for the notification and a section for each incident."""

    url: str

    def tell(self, notice: Notice) -> None:
        """Post it."""
        head = {"type": "header", "text": {"type": "plain_text", "text": notice.title[:150]}}
        sections = [
            {"type": "section", "text": {"type": "mrkdwn", "text": _escaped(notice.paragraph(record))[:LONGEST_BLOCK]}}
            for record in notice.records[:45]
        ]
        text = f"{notice.title}: {'; '.join(notice.told(record) for record in notice.records)}"
        post(self.url, {"text": _escaped(text)[:LONGEST_BLOCK], "blocks": [head, *sections]})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass(frozen=True)
class Alertmanager(Receiver):
    """Version 2 of its API, which forgets an alert that is not sent again and groups and silences by itself."""

    url: str
    lists = False
    repeats = True

    def tell(self, notice: Notice) -> None:
        """Post the alerts."""
        post(f"{self.url}/api/v2/alerts", [self._alert(notice, record) for record in notice.records])

    def _alert(self, notice: Notice, record: Record) -> dict[str, Any]:
        labels = {"alertname": "BuddiesIncident", "subject": record.subject, "asset": record.asset}
        alert: dict[str, Any] = {
            "labels": {**labels, "owner": record.owner, "severity": "critical", "incident": str(record.id)},
            "annotations": {"summary": notice.told(record), "description": notice.paragraph(record)},
            "startsAt": record.opened_at.isoformat(),
            "generatorURL": notice.url(record),
        }
        return alert | ({"endsAt": notice.now.isoformat()} if notice.kind == "resolved" else {})


@dataclass(frozen=True)
class PagerDuty(Receiver):
    """Version 2 of the Events API: an incident is triggered and resolved under one key."""

    url: str
    routing_key: str
    lists = False

    def tell(self, notice: Notice) -> None:
        """Post an event for each incident."""
        for record in notice.records:
            post(f"{self.url}/v2/enqueue", self._event(notice, record))

    def _event(self, notice: Notice, record: Record) -> dict[str, Any]:
        over = notice.kind == "resolved"
        return {
            "routing_key": self.routing_key,
            "event_action": "resolve" if over else "trigger",
            "dedup_key": f"buddies-incident-{record.id}",
            "links": [{"href": notice.url(record), "text": "Incident"}],
            "payload": {
                "summary": notice.told(record)[:LONGEST_SUMMARY],
                "source": "buddies",
                "severity": "critical",
                "timestamp": record.opened_at.isoformat(),
                "component": record.asset or record.subject,
                "custom_details": {"owner": record.owner, "text": notice.paragraph(record)},
            },
        }


@dataclass(frozen=True)
class Mail(Receiver):
    """E-mail over SMTP, encrypted where the server offers it, and always where a password is sent."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str | None
    password: str | None
    encrypted: bool

    def tell(self, notice: Notice) -> None:
        """Send it."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        message["Subject"] = " ".join(f"[Buddies] {notice.title}".split())[:200]
        message.set_content(notice.text)
        context = ssl.create_default_context()
        if self.encrypted:
            with smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context) as server:
                self._send(server, message)
            return
        with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS) as server:
            server.ehlo()
            if self.user is not None or server.has_extn("starttls"):
                server.starttls(context=context)
            self._send(server, message)

    def _send(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        if self.user is not None:
            server.login(self.user, self.password or "")
        server.send_message(message)


@dataclass(frozen=True)
class Log(Receiver):
    """The sensor's log, where nothing else is set."""

    error: Callable[[str], None]
    info: Callable[[str], None]
    name: str = field(default="the log", kw_only=True)
    key: str = field(default="log", kw_only=True)

    def tell(self, notice: Notice) -> None:
        """Write it."""
        write = self.info if notice.kind == "resolved" else self.error
        for record in notice.records:
            write(notice.told(record))

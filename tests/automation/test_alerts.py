"""Alerts to real receivers on this machine: HTTP servers and an SMTP server, in the forms that each product takes."""

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from buddies_assets.alerts.addresses import AlertAddressError, receivers
from buddies_assets.alerts.notices import Notice
from buddies_assets.alerts.telling import NotToldError, tell_all
from quality.history import incidents
from quality.history.database import SCHEMA
from quality.history.incidents import reconcile
from quality.incidents import Incident

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Web(http.server.ThreadingHTTPServer):
    """Keeps what is posted; answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.got: list[tuple[str, Any]] = []
        self.status = 202


class _Post(http.server.BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.status < 400:
            self.server.got.append((self.path, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


class Post(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it is given."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.got: list[str] = []


class _Smtp(socketserver.StreamRequestHandler):
    server: Post

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().decode().strip():
            if line.upper() == "DATA":
                self.wfile.write(b"354 go on\r\n")
                body = []
                while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    body.append(text)
                self.server.got.append("\n".join(body))
            self.wfile.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n")


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def post() -> Iterator[Post]:
    with Post() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def history(postgres_url: str) -> Iterator["psycopg2.extensions.connection"]:
    connection = psycopg2.connect(postgres_url)
    SCHEMA.migrate(connection)
    yield connection
    connection.close()


def cause(name: str = "splits") -> Incident:
    return Incident(
        f"checks of {name}", name, "the check fails: a <b>", "run-b1234567", ("user_blocks",), checks=("a",)
    )


def tell(history, alerts: str, now: datetime = NOW, *, digest_every: timedelta | None = None) -> int:
    def compose(kind, records):
        told = {record.id: "Materialise it again." for record in records}
        return Notice(
            kind, tuple(records), "http://127.0.0.1:8001", now, told, dict.fromkeys(told, "Listeners keep 1.")
        )

    return tell_all(history, receivers(None, alerts), compose, now, of_runs=False, digest_every=digest_every)


def test_slack_gets_a_text_and_a_section_for_what_began_and_for_its_end(history, web):
    address = f"slack+http://127.0.0.1:{web.server_port}/services/T/B/X"
    reconcile(history, [cause()], NOW)
    assert tell(history, address) == 1
    assert tell(history, address) == 0
    path, body = web.got[0]
    assert path == "/services/T/B/X"
    assert body["text"].startswith("failing: checks of splits: checks of splits: the check fails: a &lt;b&gt;")
    section = body["blocks"][1]["text"]["text"]
    for part in ("owner team:buddies", "Materialise it again.", "Listeners keep 1.", "/incident?incident="):
        assert part in section
    reconcile(history, [], NOW + timedelta(minutes=9))
    assert tell(history, address, NOW + timedelta(minutes=9)) == 1
    assert web.got[1][1]["blocks"][0]["text"]["text"] == "recovered: checks of splits"


def test_alertmanager_is_told_again_while_it_lasts_and_once_of_the_end(history, web):
    address = f"alertmanager+http://127.0.0.1:{web.server_port}"
    reconcile(history, [cause()], NOW)
    assert tell(history, address) == 1
    tell(history, address)
    reconcile(history, [], NOW + timedelta(minutes=9))
    tell(history, address, NOW + timedelta(minutes=9))
    tell(history, address, NOW + timedelta(minutes=10))
    assert [path for path, _ in web.got] == ["/api/v2/alerts"] * 3
    (alert,) = web.got[0][1]
    assert alert["labels"]["alertname"] == "BuddiesIncident"
    assert (alert["labels"]["asset"], alert["labels"]["owner"]) == ("splits", "team:buddies")
    assert alert["startsAt"] == "2026-03-10T12:00:00+00:00"
    assert "endsAt" not in alert
    assert web.got[2][1][0]["endsAt"] == "2026-03-10T12:09:00+00:00"
    assert web.got[2][1][0]["labels"] == alert["labels"]


def test_pagerduty_is_triggered_and_resolved_under_one_key(history, web):
    address = f"pagerduty+http://R0UTE@127.0.0.1:{web.server_port}"
    reconcile(history, [cause()], NOW)
    tell(history, address)
    reconcile(history, [], NOW + timedelta(minutes=9))
    tell(history, address, NOW + timedelta(minutes=9))
    first, last = (body for _, body in web.got)
    assert web.got[0][0] == "/v2/enqueue"
    assert (first["routing_key"], first["event_action"], last["event_action"]) == ("R0UTE", "trigger", "resolve")
    assert first["dedup_key"] == last["dedup_key"]
    assert first["payload"]["severity"] == "critical"
    assert first["payload"]["summary"].startswith("checks of splits: the check fails")


def test_a_mail_says_whom_it_concerns_and_what_to_do(history, post):
    reconcile(history, [cause()], NOW)
    port = post.server_address[1]
    assert tell(history, f"smtp://127.0.0.1:{port}?from=buddies@example.org&to=a@example.org&to=b@example.org") == 1
    (mail,) = post.got
    assert "Subject: [Buddies] failing: checks of splits" in mail
    assert "To: a@example.org, b@example.org" in mail
    assert "Materialise it again." in mail


def test_many_that_begin_together_are_one_message(history, web):
    address = f"http://127.0.0.1:{web.server_port}/hook"
    reconcile(history, [cause(name) for name in ("a", "b", "c", "d")], NOW)
    assert tell(history, address) == 1
    ((_, body),) = web.got
    assert (body["subject"], body["state"], len(body["incidents"])) == ("4 incidents failing", "failing", 4)


def test_nobody_is_told_of_what_is_muted_until_the_time_is_over(history, web):
    address = f"http://127.0.0.1:{web.server_port}/hook"
    reconcile(history, [cause()], NOW)
    (kept,) = incidents.open_records(history)
    incidents.mute(history, kept.id, NOW + timedelta(hours=1), "Anna", NOW)
    assert tell(history, address) == 0
    assert tell(history, address, NOW + timedelta(hours=2)) == 1


def test_a_receiver_that_fails_is_told_later_and_the_others_once(history, web, post):
    mail = f"smtp://127.0.0.1:{post.server_address[1]}?from=b@example.org&to=a@example.org"
    both = f"slack+http://127.0.0.1:{web.server_port}/secret, {mail}"
    web.status = 500
    reconcile(history, [cause()], NOW)
    with pytest.raises(
        NotToldError, match=rf"slack://127\.0\.0\.1:{web.server_port}: HTTPError: HTTP Error 500"
    ) as told:
        tell(history, both)
    assert "secret" not in str(told.value)
    web.status = 200
    assert tell(history, both) == 1
    assert (len(web.got), len(post.got)) == (1, 1)


def test_what_is_open_for_a_day_is_listed_once_a_day(history, web):
    address, day = f"http://127.0.0.1:{web.server_port}/hook", timedelta(days=1)
    reconcile(history, [cause(), cause("songs")], NOW)
    assert tell(history, address, digest_every=day) == 2
    assert tell(history, address, NOW + day, digest_every=day) == 1
    assert tell(history, address, NOW + day + timedelta(hours=1), digest_every=day) == 0
    assert web.got[-1][1]["kind"] == "digest"
    assert web.got[-1][1]["subject"] == "2 incidents still failing"


@pytest.mark.parametrize(
    "address",
    [
        "telegram+https://example.org", "ftp://example.org", "https://", "pagerduty+https://events.pagerduty.com",
        "smtp://mail.example.org?to=a@example.org", "slack+https://example.org:port/hidden",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_read_is_refused_in_a_line_without_its_secrets(address):
    with pytest.raises(AlertAddressError, match="BUDDIES_ALERTS has") as told:
        receivers(None, address)
    assert "hidden" not in str(told.value)
    assert "\n" not in str(told.value)

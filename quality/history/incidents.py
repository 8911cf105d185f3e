"""Incidents over time: opened and resolved by what is found, acknowledged, assigned, muted and noted by people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from buddies_core.errors import BuddiesError
from buddies_core.postgres.schema import rows
from quality.incidents import Incident
from quality.owners import owner_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

_LOCK = 7310581
LONGEST_TEXT, LONGEST_NAME = 2_000, 100
LONGEST_MUTE = timedelta(days=90)


class NoSuchIncidentError(BuddiesError):
    """No incident has that number, or it is over and cannot be changed."""


class IncidentInputError(BuddiesError):
    """What somebody sent about an incident cannot be taken as it is."""


@dataclass(frozen=True)
class Record:
    """One incident as it is kept. `resolved_at` is None while it is open."""

    id: int
    subject: str
    asset: str
    text: str
    of_run: bool
    run_id: str | None
    last_run_id: str | None
    checks: list[str]
    also: list[str]
    held_back: list[str]
    owner: str
    opened_at: datetime
    since: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    muted_until: datetime | None
    resolved_at: datetime | None

    def muted(self, now: datetime) -> bool:
        """Whether nobody is to be told of it."""
        return self.muted_until is not None and self.muted_until > now

    @property
    def to_acknowledge(self) -> timedelta | None:
        """Time from opening until somebody took it."""
        return self.acknowledged_at - self.opened_at if self.acknowledged_at else None

    @property
    def to_repair(self) -> timedelta | None:
        """Time from opening until it was over."""
        return self.resolved_at - self.opened_at if self.resolved_at else None

    @property
    def line(self) -> str:
        """The text with what fails because of it and what is held back."""
        found = Incident(self.subject, self.asset, self.text, None, tuple(self.held_back), also=tuple(self.also))
        return found.line


_FIRST_RUN = """
    SELECT e.run_id FROM quality.evaluations e JOIN quality.checks c USING (asset, check_name)
    WHERE e.asset = %(asset)s AND e.check_name = ANY(%(checks)s) AND e.at >= c.failing_since
    ORDER BY e.at LIMIT 1
"""


def reconcile(
    connection: "Connection", found: Sequence[Incident], now: datetime, owners: Mapping[str, str] | None = None
) -> None:
    """Open what is found and new, renew what is open still, and resolve what is no longer found.

    Processes take turns by a lock; doing it twice changes nothing.
    """
    by_subject = {incident.subject: incident for incident in found}
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        held = {record.subject: record for record in _read(connection, "WHERE resolved_at IS NULL")}
        for subject, incident in by_subject.items():
            if subject in held:
                _renew(cursor, held[subject], incident, now)
            else:
                _open(cursor, incident, now, owner_of(incident.asset, owners or {}, incident.checks))
        for subject, record in held.items():
            if subject not in by_subject:
                cursor.execute("UPDATE quality.incidents SET resolved_at = %s WHERE id = %s", (now, record.id))
                _note(cursor, record.id, now, "resolved", text="It is over: what was found is found no more.")


def _open(cursor: "Cursor", incident: Incident, now: datetime, owner: str) -> None:
    run_id = incident.run_id
    if incident.since is not None:
        cursor.execute(_FIRST_RUN, {"asset": incident.asset, "checks": list(incident.checks)})
        first = cursor.fetchone()
        run_id = first[0] if first else run_id
    cursor.execute(
        "INSERT INTO quality.incidents (subject, asset, text, of_run, run_id, last_run_id, checks, also, held_back,"
        " owner, opened_at, since) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (
            *(incident.subject, incident.asset, incident.text, incident.of_run, run_id, incident.run_id),
            *(list(incident.checks), list(incident.also), list(incident.held_back), owner, now, incident.since or now),
        ),
    )
    made = cursor.fetchone()
    assert made is not None
    _note(cursor, made[0], now, "opened", text=incident.line)


def _renew(cursor: "Cursor", record: Record, incident: Incident, now: datetime) -> None:
    held = (record.text, record.last_run_id, record.checks, record.also, record.held_back)
    seen = (incident.text, incident.run_id, list(incident.checks), list(incident.also), list(incident.held_back))
    if held == seen:
        return
    cursor.execute(
        "UPDATE quality.incidents SET text = %s, last_run_id = %s, checks = %s, also = %s, held_back = %s"
        " WHERE id = %s",
        (*seen, record.id),
    )
    if (record.checks, record.held_back) != (seen[2], seen[4]):
        _note(cursor, record.id, now, "changed", text=incident.line)


def _note(cursor: "Cursor", number: int, now: datetime, kind: str, by: str = "", text: str = "") -> None:
    cursor.execute(
        "INSERT INTO quality.incident_events (incident_id, at, kind, by, text) VALUES (%s, %s, %s, %s, %s)",
        (number, now, kind, by, text[:LONGEST_TEXT]),
    )


def open_records(connection: "Connection") -> list[Record]:
    """Incidents that are open, the newest first."""
    return _read(connection, "WHERE resolved_at IS NULL")


def records(connection: "Connection", since: datetime, until: datetime) -> list[Record]:
    """Incidents that were open at some time in [since, until), the newest first; at most 500."""
    where = "WHERE opened_at < %(until)s AND (resolved_at IS NULL OR resolved_at >= %(since)s)"
    return _read(connection, where, {"since": since, "until": until})


def record(connection: "Connection", number: int) -> Record | None:
    """One incident by its number."""
    return next(iter(_read(connection, "WHERE id = %(id)s", {"id": number})), None) if number < 1 << 62 else None


def _read(connection: "Connection", where: str, given: dict[str, Any] | None = None) -> list[Record]:
    columns = ", ".join(Record.__dataclass_fields__)
    sql = f"SELECT {columns} FROM quality.incidents {where} ORDER BY opened_at DESC, id DESC LIMIT 500"
    return [Record(**row) for row in rows(connection, sql, given or {})]


def events(connection: "Connection", number: int) -> list[dict[str, Any]]:
    """What was done with an incident, the oldest first."""
    sql = "SELECT at, kind, by, text FROM quality.incident_events WHERE incident_id = %(id)s ORDER BY id"
    return rows(connection, sql, {"id": number})


def acknowledge(connection: "Connection", number: int, by: str, now: datetime) -> None:
    """Somebody has taken the incident; the first to do so counts.

    Raises:
        NoSuchIncidentError: it is not open.
        IncidentInputError: nobody is named.
    """
    who = _name(by, "who acknowledges it")
    _change(
        connection, number, now, "acknowledged", who, "",
        "acknowledged_at = coalesce(acknowledged_at, %(now)s), acknowledged_by = coalesce(acknowledged_by, %(by)s)",
        {"by": who},
    )  # fmt: skip


def assign(connection: "Connection", number: int, owner: str, by: str, now: datetime) -> None:
    """Give the incident to somebody.

    Raises:
        NoSuchIncidentError: it is not open.
        IncidentInputError: nobody is named.
    """
    to = _name(owner, "to whom it is assigned")
    _change(connection, number, now, "assigned", _name(by), to, "owner = %(owner)s", {"owner": to})


def mute(connection: "Connection", number: int, until: datetime | None, by: str, now: datetime) -> None:
    """Tell nobody of the incident until a time; None ends it.

    Raises:
        NoSuchIncidentError: it is not open.
        IncidentInputError: the time is past, or more than 90 days away.
    """
    if until is not None and not now < until <= now + LONGEST_MUTE:
        raise IncidentInputError(
            f"Mute until a time between now and {now + LONGEST_MUTE:%d %b %Y}; {until:%d %b %Y %H:%M} is not."
        )
    kind, text = ("muted", f"until {until:%d %b %Y %H:%M} UTC") if until else ("unmuted", "")
    _change(connection, number, now, kind, _name(by), text, "muted_until = %(until)s", {"until": until})


def note(connection: "Connection", number: int, text: str, by: str, now: datetime) -> None:
    """Write something beside the incident; also after it is over.

    Raises:
        NoSuchIncidentError: there is none of that number.
        IncidentInputError: the text is empty or longer than 2,000 characters.
    """
    told = text.strip()
    if not told or len(told) > LONGEST_TEXT or "\0" in told:
        raise IncidentInputError(f"A note has between 1 and {LONGEST_TEXT:,} characters; this one has {len(told):,}.")
    if record(connection, number) is None:
        raise NoSuchIncidentError(f"There is no incident {number}.")
    with connection, connection.cursor() as cursor:
        _note(cursor, number, now, "note", _name(by), told)


def _name(by: str, wanted: str = "") -> str:
    name = " ".join(by.split())
    if (wanted and not name) or len(name) > LONGEST_NAME or not name.isprintable():
        raise IncidentInputError(f"Say {wanted or 'who you are'} in at most {LONGEST_NAME} characters.")
    return name


def _change(
    connection: "Connection",
    number: int,
    now: datetime,
    kind: str,
    by: str,
    text: str,
    sets: str,
    given: dict[str, Any],
) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE quality.incidents SET {sets} WHERE id = %(id)s AND resolved_at IS NULL RETURNING id",
            {"id": number, "now": now, **given},
        )
        if cursor.fetchone() is None:
            raise NoSuchIncidentError(f"There is no open incident {number}.")
        _note(cursor, number, now, kind, by, text)

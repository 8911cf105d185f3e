"""Telling of incidents: once when one opens and once when it is over, several at once as one message, none while muted.

What each receiver was told is kept in PostgreSQL, so that a receiver that fails is told later, and the others once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from buddies_assets.alerts.notices import Kind, Notice
from buddies_assets.alerts.receivers import Receiver
from buddies_core.errors import BuddiesError
from buddies_core.postgres.schema import rows
from quality.history.incidents import Record, open_records, records

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

AT_ONCE = 3
"""So many incidents that begin together are told one by one; more are one message."""
MEMORY = timedelta(days=30)
"""An incident that was over for longer is not told any more: its receiver was away all that time."""

Compose = Callable[[Kind, Sequence[Record]], Notice]


class NotToldError(BuddiesError):
    """Some receivers could not be told; they are tried again at the next look."""


@dataclass(frozen=True)
class Due:
    """What one receiver is to be told now."""

    opened: list[Record]
    resolved: list[Record]
    repeated: list[Record]


def tell_all(
    connection: "Connection",
    receivers: Iterable[Receiver],
    compose: Compose,
    now: datetime,
    *,
    of_runs: bool,
    digest_every: timedelta | None = None,
) -> int:
    """Tell every receiver what is due; returns how many messages were sent.

    Args:
        of_runs: of incidents of runs, or of all others.
        digest_every: time between two lists of what is open still; None: no list.

    Raises:
        NotToldError: a receiver failed, after all others were told.
    """
    known = [record for record in records(connection, now - MEMORY, now + MEMORY) if record.of_run == of_runs]
    sent, failed = 0, []
    for receiver in receivers:
        try:
            sent += _tell_one(connection, receiver, compose, known, now)
            if digest_every is not None and receiver.lists:
                sent += _digest(connection, receiver, compose, now, digest_every)
        except OSError as error:
            failed.append(f"{receiver.name}: {type(error).__name__}: {error}".splitlines()[0])
    if failed:
        raise NotToldError(f"Could not be told, tried again at the next look: {'; '.join(failed)}")
    return sent


def due(known: Sequence[Record], told: set[tuple[int, str]], now: datetime, *, repeats: bool) -> Due:
    """What a receiver is to be told of the known incidents, given what it was told already."""
    still = [record for record in known if record.resolved_at is None and not record.muted(now)]
    opened = [record for record in still if (record.id, "opened") not in told]
    resolved = [
        record
        for record in known
        if record.resolved_at is not None and (record.id, "opened") in told and (record.id, "resolved") not in told
    ]
    return Due(opened, resolved, [r for r in still if r not in opened] if repeats else [])


def _tell_one(
    connection: "Connection", receiver: Receiver, compose: Compose, known: Sequence[Record], now: datetime
) -> int:
    told = _told(connection, receiver.key)
    found, sent = due(known, told, now, repeats=receiver.repeats), 0
    if found.repeated:
        receiver.tell(compose("opened", found.repeated))
    kinds: tuple[tuple[Kind, list[Record]], ...] = (("opened", found.opened), ("resolved", found.resolved))
    for kind, about in kinds:
        together = receiver.lists and len(about) > AT_ONCE
        for group in [about] if together else [[record] for record in about]:
            receiver.tell(compose(kind, group))
            sent += 1
            for record in group:
                _note(connection, record.id, receiver.key, kind, now)
    return sent


def _digest(connection: "Connection", receiver: Receiver, compose: Compose, now: datetime, every: timedelta) -> int:
    """A list of what has been open for as long as the lists are apart, at most once in that time."""
    old = [r for r in open_records(connection) if now - r.opened_at >= every and not r.muted(now)]
    sql = "SELECT at FROM quality.incident_tellings WHERE incident_id = 0 AND receiver = %(key)s AND kind = 'digest'"
    last = rows(connection, sql, {"key": receiver.key})
    if not old or (last and now - last[0]["at"] < every):
        return 0
    receiver.tell(compose("digest", old))
    _note(connection, 0, receiver.key, "digest", now)
    return 1


def _told(connection: "Connection", key: str) -> set[tuple[int, str]]:
    sql = "SELECT incident_id, kind FROM quality.incident_tellings WHERE receiver = %(key)s"
    return {(row["incident_id"], row["kind"]) for row in rows(connection, sql, {"key": key})}


def _note(connection: "Connection", number: int, key: str, kind: str, now: datetime) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO quality.incident_tellings (incident_id, receiver, kind, at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (incident_id, receiver, kind) DO UPDATE SET at = excluded.at",
            (number, key, kind, now),
        )

"""Feedback over time, from the aggregates: sessions, users, ranks of the liked, likes per recommendation."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from buddies_core.errors import BuddiesError
from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_DAYS = """
    SELECT d.day, sum(d.sessions)::bigint AS sessions, sum(d.shown)::bigint AS shown, sum(d.invalid)::bigint AS invalid,
           sum(d.rank_sum)::bigint AS rank_sum, sum(d.first_liked)::bigint AS first_liked, max(u.users) AS users
    FROM quality.feedback_days d JOIN quality.feedback_day_users u USING (day)
    WHERE d.day >= %(since)s AND d.day < %(until)s GROUP BY d.day ORDER BY d.day
"""
_VERSIONS = """
    SELECT day, model_version, sum(sessions)::bigint AS sessions, sum(rank_sum)::bigint AS rank_sum,
           sum(first_liked)::bigint AS first_liked, max(arm) AS arm
    FROM quality.feedback_days WHERE day >= %(since)s AND day < %(until)s
    GROUP BY day, model_version ORDER BY day, model_version
"""
_WEEKS = "SELECT week, users FROM quality.feedback_weeks WHERE week >= %(since)s AND week < %(until)s ORDER BY week"
_TOTALS = """
    SELECT coalesce(sum(sessions), 0)::bigint AS sessions, min(day) AS first_day, max(day) AS last_day
    FROM quality.feedback_days WHERE day < %(until)s
"""
_LIKES = """
    SELECT coalesce(s.day, r.day) AS day, coalesce(s.model_version, r.model_version) AS version,
           coalesce(s.lists, 0) AS lists, coalesce(r.likes, 0) AS likes, coalesce(r.rank_sum, 0) AS rank_sum, r.arm
    FROM (SELECT day, model_version, sum(likes)::bigint AS likes, sum(rank_sum)::bigint AS rank_sum, max(arm) AS arm
          FROM quality.feedback_received WHERE day >= %(since)s AND day < %(until)s GROUP BY day, model_version) r
    FULL JOIN ({served}) s USING (day, model_version)
    ORDER BY 1, 2
"""
_SERVED_LISTS = """
    SELECT day, model_version, sum(recommendations)::bigint AS lists FROM feedback.recommendations_served
    WHERE day >= %(since)s AND day < %(until)s GROUP BY day, model_version
"""
_NOTHING_SERVED = "SELECT NULL::date AS day, NULL::text AS model_version, NULL::bigint AS lists WHERE false"
_LOSSES = """
    SELECT sum(damaged)::bigint AS damaged, sum(missing)::bigint AS missing, sum(refused)::bigint AS refused
    FROM feedback.spool_losses
"""
_LOST = """
    SELECT to_regclass('feedback.schema_migrations') IS NOT NULL AND to_regclass('feedback.sessions') IS NULL AS lost
"""
DAYS_AT_ONCE = 30
_FIRST_SERVED = "SELECT model_version, min(day) AS day FROM feedback.recommendations_served GROUP BY model_version"


@dataclass(frozen=True)
class Likes:
    """What listeners did with the lists of one model version on one day, the day of the service's clock (UTC)."""

    day: date
    version: str
    lists: int
    likes: int
    rank_sum: int
    arm: str | None

    @property
    def rate(self) -> float | None:
        """Likes per list served: the like-rate, on every page; None where nothing was served."""
        return self.likes / self.lists if self.lists else None


class LostTableError(BuddiesError):
    """A table that the service had made is no longer there."""


def refuse_lost_sessions(connection: "Connection") -> None:
    """Nothing, unless the service made its table of sessions and it is gone: that must not look like no feedback.

    Raises:
        LostTableError: it is gone.
    """
    if rows(connection, _LOST)[0]["lost"]:
        raise LostTableError(
            "The table feedback.sessions is gone: restore it from a backup, or drop the schema `feedback` and restart "
            "the service, which makes it anew without feedback."
        )


def refresh(connection: "Connection") -> int:
    """Brings the aggregates up to the newest session; returns the days that were made anew.

    Raises:
        LostTableError: the sessions that it is made of are gone.
    """
    refuse_lost_sessions(connection)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT quality.refresh_feedback()")
        found = cursor.fetchone()
        if found is None or found[0] or not _has_received(cursor):
            cursor.execute("SELECT quality.refresh_received()")
    _describe(connection)
    return int(found[0]) if found else 0


def _describe(connection: "Connection") -> None:
    """Say of each listener's day what its first list was, a month of days in a transaction."""
    described = DAYS_AT_ONCE
    while described == DAYS_AT_ONCE:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT quality.describe_first_lists(%s)", (DAYS_AT_ONCE,))
            described = cursor.fetchall()[0][0]


def _has_received(cursor: Any) -> bool:
    cursor.execute("SELECT EXISTS (SELECT FROM quality.feedback_received)")
    return bool(cursor.fetchone()[0])


def days(connection: "Connection", since: date, until: date) -> list[dict[str, Any]]:
    """Sessions, shown playlists, invalid sessions, ranks and distinct users of each day in [since, until)."""
    return rows(connection, _DAYS, {"since": since, "until": until})


def versions(connection: "Connection", since: date, until: date) -> list[dict[str, Any]]:
    """Sessions and ranks of the liked playlist by day and model version."""
    return rows(connection, _VERSIONS, {"since": since, "until": until})


def likes(connection: "Connection", since: date, until: date) -> list[Likes]:
    """Lists served and likes received by day and model version in [since, until), days in order."""
    sql = _LIKES.format(served=_SERVED_LISTS if _counts_served(connection) else _NOTHING_SERVED)
    return [Likes(**row) for row in rows(connection, sql, {"since": since, "until": until})]


def first_served(connection: "Connection") -> dict[str, date]:
    """The first day that each version was served on, whatever the range; empty where the service never counted."""
    found = rows(connection, _FIRST_SERVED) if _counts_served(connection) else []
    return {row["model_version"]: row["day"] for row in found}


def _counts_served(connection: "Connection") -> bool:
    found = rows(connection, "SELECT to_regclass('feedback.recommendations_served') IS NOT NULL AS there")
    return bool(found[0]["there"])


def losses(connection: "Connection") -> dict[str, int]:
    """Feedback `damaged` or `missing` in the spools of services, and `refused` by the schema; only kinds that occur."""
    if rows(connection, "SELECT to_regclass('feedback.spool_losses') IS NULL AS absent")[0]["absent"]:
        return {}
    found = rows(connection, _LOSSES)[0]
    return {kind: int(count) for kind, count in found.items() if count}


def weeks(connection: "Connection", since: date, until: date) -> list[dict[str, Any]]:
    """Distinct users of each ISO week that begins in [since, until)."""
    return rows(connection, _WEEKS, {"since": since, "until": until})


def totals(connection: "Connection", until: date) -> dict[str, Any]:
    """Sessions up to a day, with the first and last day that have any."""
    return rows(connection, _TOTALS, {"until": until})[0]


def day_counts(connection: "Connection") -> dict[str, int]:
    """Sessions by ISO day of creation (UTC), from the aggregates."""
    found = rows(connection, "SELECT day, sum(sessions)::bigint AS sessions FROM quality.feedback_days GROUP BY day")
    return {row["day"].isoformat(): int(row["sessions"]) for row in found}


def state(connection: "Connection") -> dict[str, Any]:
    """The newest session, and up to when sessions were taken into the aggregates."""
    return rows(
        connection, "SELECT nullif(watermark, '-infinity') AS watermark, last_session FROM quality.feedback_state"
    )[0]

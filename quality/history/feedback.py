"""Feedback over time, from the aggregates: sessions, users, ranks of the liked, likes per recommendation."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

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
_SERVED = """
    SELECT day, model_version, sum(recommendations)::bigint AS recommendations
    FROM feedback.recommendations_served WHERE day >= %(since)s AND day < %(until)s
    GROUP BY day, model_version ORDER BY day, model_version
"""
_WEEKS = "SELECT week, users FROM quality.feedback_weeks WHERE week >= %(since)s AND week < %(until)s ORDER BY week"
_TOTALS = """
    SELECT coalesce(sum(sessions), 0)::bigint AS sessions, min(day) AS first_day, max(day) AS last_day
    FROM quality.feedback_days WHERE day < %(until)s
"""
_REST_OF_DAY = """
    SELECT count(*) AS sessions FROM feedback.sessions
    WHERE created_at > %(at)s AND created_at < %(next)s::date::timestamp AT TIME ZONE 'UTC'
"""
_SINCE = "SELECT coalesce(sum(sessions), 0)::bigint AS sessions FROM quality.feedback_days WHERE day > %(day)s"


def refresh(connection: "Connection") -> int:
    """Brings the aggregates up to the newest session; returns the days that were made anew."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT quality.refresh_feedback()")
        found = cursor.fetchone()
    return int(found[0]) if found else 0


def days(connection: "Connection", since: date, until: date) -> list[dict[str, Any]]:
    """Sessions, shown playlists, invalid sessions, ranks and distinct users of each day in [since, until)."""
    return rows(connection, _DAYS, {"since": since, "until": until})


def versions(connection: "Connection", since: date, until: date) -> list[dict[str, Any]]:
    """Sessions and ranks of the liked playlist by day and model version."""
    return rows(connection, _VERSIONS, {"since": since, "until": until})


def served(connection: "Connection", since: date, until: date) -> list[dict[str, Any]]:
    """Recommendations served by day and model version; none where the service has never counted."""
    if rows(connection, "SELECT to_regclass('feedback.recommendations_served') IS NULL AS absent")[0]["absent"]:
        return []
    return rows(connection, _SERVED, {"since": since, "until": until})


def weeks(connection: "Connection", since: date, until: date) -> list[dict[str, Any]]:
    """Distinct users of each ISO week that begins in [since, until)."""
    return rows(connection, _WEEKS, {"since": since, "until": until})


def totals(connection: "Connection", until: date) -> dict[str, Any]:
    """Sessions up to a day, with the first and last day that have any."""
    return rows(connection, _TOTALS, {"until": until})[0]


def sessions_after(connection: "Connection", at: datetime | None) -> int:
    """Sessions later than a moment; all of them for None. Only the rest of that day is counted session by session."""
    if at is None:
        return int(totals(connection, date.max)["sessions"])
    day = at.astimezone(UTC).date()
    later = int(rows(connection, _SINCE, {"day": day})[0]["sessions"])
    if rows(connection, "SELECT to_regclass('feedback.sessions') IS NULL AS absent")[0]["absent"]:
        return later
    return later + int(rows(connection, _REST_OF_DAY, {"at": at, "next": day + timedelta(days=1)})[0]["sessions"])


def state(connection: "Connection") -> dict[str, Any]:
    """The newest session, and up to when sessions were taken into the aggregates."""
    return rows(
        connection, "SELECT nullif(watermark, '-infinity') AS watermark, last_session FROM quality.feedback_state"
    )[0]

"""Feedback as the loop reads it from PostgreSQL: counts by day and model, and the sessions of a day."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from buddies_assets.feedback.session_blocks import SESSIONS
from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DAY_COUNTS = """
SELECT day::date AS day, counted.sessions
FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS day
CROSS JOIN LATERAL (
    SELECT count(*) AS sessions FROM feedback.sessions
    WHERE created_at >= (day::date)::timestamp AT TIME ZONE 'UTC'
      AND created_at < (day::date + 1)::timestamp AT TIME ZONE 'UTC'
) AS counted
WHERE counted.sessions > 0
"""
_SESSIONS = """
SELECT session_id::text, created_at, received_at, user_id, user_key, liked, shown, model_version, arm, recommendation_id
FROM feedback.sessions
WHERE created_at >= (%(day)s::date)::timestamp AT TIME ZONE 'UTC'
  AND created_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
"""


def day_counts(connection: "Connection", first: date, last: date) -> dict[str, int]:
    """Sessions by ISO day of creation (UTC) from `first` to `last`; days without any are left out."""
    found = rows(connection, DAY_COUNTS, {"first": first, "last": last})
    return {row["day"].isoformat(): int(row["sessions"]) for row in found}


def sessions_of(connection: "Connection", day: date) -> pl.DataFrame:
    """The sessions created on a day (UTC); columns of `loop.blocks.SESSIONS`."""
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS, {"day": day})
        return pl.DataFrame(cursor.fetchall(), schema=SESSIONS, orient="row")


def days_between(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, both included."""
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]

"""Feedback as the loop reads it from PostgreSQL: the sessions of a day."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from buddies_assets.feedback.session_blocks import SESSIONS

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_SESSIONS = """
SELECT session_id::text, created_at, received_at, user_id, user_key, liked, shown, model_version, arm, recommendation_id
FROM feedback.sessions
WHERE created_at >= (%(day)s::date)::timestamp AT TIME ZONE 'UTC'
  AND created_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
"""


def sessions_of(connection: "Connection", day: date) -> pl.DataFrame:
    """The sessions created on a day (UTC); columns of `loop.blocks.SESSIONS`."""
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS, {"day": day})
        return pl.DataFrame(cursor.fetchall(), schema=SESSIONS, orient="row")


def days_between(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, both included."""
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]

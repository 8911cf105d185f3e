"""Feedback as the loop reads it from PostgreSQL: counts by day and model, and the sessions of a day."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from buddies_assets.feedback.session_blocks import SESSIONS
from buddies_assets.release.canary_policy import Arm
from buddies_assets.release.degradation_test import Day
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
_OF_MODEL = """model_version >= %(low)s COLLATE "C" AND model_version < %(high)s COLLATE "C" """
_ARM = f"""
SELECT (SELECT coalesce(sum(recommendations), 0) FROM feedback.recommendations_served
        WHERE {_OF_MODEL})::bigint AS recommendations,
       (SELECT count(*) FROM feedback.sessions WHERE {_OF_MODEL}) AS likes
"""
_DAYS = f"""
WITH ranked AS (
    SELECT (received_at AT TIME ZONE 'UTC')::date AS day, count(*) AS likes,
           CASE WHEN recommendation_id IS NOT NULL THEN array_position(shown, liked) END AS rank
    FROM feedback.sessions WHERE {_OF_MODEL} AND received_at >= %(since)s
    GROUP BY 1, 3
), likes AS (
    SELECT day, sum(likes)::bigint AS likes, jsonb_object_agg(rank, likes) FILTER (WHERE rank IS NOT NULL) AS ranks
    FROM ranked GROUP BY day
), served AS (
    SELECT day, sum(recommendations)::bigint AS recommendations FROM feedback.recommendations_served
    WHERE {_OF_MODEL} AND day >= %(since)s::date GROUP BY day
)
SELECT day, coalesce(recommendations, 0) AS recommendations, coalesce(likes, 0) AS likes, ranks
FROM served FULL JOIN likes USING (day) ORDER BY day
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


def arm_of(connection: "Connection", model: str) -> Arm:
    """Everything counted so far for the served versions of a checkpoint."""
    found = rows(connection, _ARM, versions_of(model))[0]
    return Arm(int(found["recommendations"]), int(found["likes"]))


def days_of(connection: "Connection", model: str, since: datetime) -> dict[date, Day]:
    """A checkpoint's feedback by the day it was received (UTC), oldest first, from a time on."""
    found = rows(connection, _DAYS, versions_of(model) | {"since": since})
    return {
        row["day"]: Day(
            int(row["recommendations"]),
            int(row["likes"]),
            {int(rank): int(count) for rank, count in (row["ranks"] or {}).items()},
        )
        for row in found
    }


def versions_of(model: str) -> dict[str, str]:
    """Bounds of the served versions of a checkpoint in the order of their bytes: `<checkpoint>-…`."""
    return {"low": f"{model}-", "high": f"{model}."}


def days_between(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, both included."""
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]

"""Feedback counted by the model that was served: in all, and by the day it was received."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from buddies_assets.release.canary_policy import Arm
from buddies_assets.release.degradation_test import Day
from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


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
    WHERE {_OF_MODEL} AND day >= (%(since)s::timestamptz AT TIME ZONE 'UTC')::date GROUP BY day
)
SELECT day, coalesce(recommendations, 0) AS recommendations, coalesce(likes, 0) AS likes, ranks
FROM served FULL JOIN likes USING (day) ORDER BY day
"""


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

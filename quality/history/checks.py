"""What the checks said over time: their last evaluations, their figures, their failures."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

STRIP = 28

_STRIPS = """
    SELECT c.asset, c.check_name, s.strip
    FROM quality.checks c CROSS JOIN LATERAL (
        SELECT string_agg(CASE WHEN t.passed THEN 'p' WHEN t.severity = 'warn' THEN 'w' ELSE 'f' END, ''
                          ORDER BY t.at) AS strip
        FROM (SELECT at, passed, severity FROM quality.evaluations e
              WHERE e.asset = c.asset AND e.check_name = c.check_name AND e.at <= %(until)s
              ORDER BY e.at DESC LIMIT %(length)s) t) s
"""
_ONE = """
    SELECT at, passed, severity, value, low, high, offending, total, run_id, partition
    FROM quality.evaluations
    WHERE asset = %(asset)s AND check_name = %(check)s AND at >= %(since)s AND at < %(until)s
    ORDER BY at DESC LIMIT %(most)s
"""
_SAMPLE = """
    SELECT at, run_id, partition, sample FROM quality.evaluations
    WHERE asset = %(asset)s AND check_name = %(check)s AND NOT passed AND at >= %(since)s AND at < %(until)s
    ORDER BY at DESC LIMIT 1
"""
_DAYS = """
    SELECT (at AT TIME ZONE 'UTC')::date AS day, severity, count(*) AS failures
    FROM quality.evaluations WHERE NOT passed AND at >= %(since)s AND at < %(until)s
    GROUP BY 1, 2 ORDER BY 1
"""


def strips(connection: "Connection", until: datetime, length: int = STRIP) -> dict[tuple[str, str], str]:
    """The last evaluations of each check up to a time, oldest first: p passed, w warned, f failed."""
    found = rows(connection, _STRIPS, {"until": until, "length": length})
    return {(r["asset"], r["check_name"]): r["strip"] or "" for r in found}


def evaluations(
    connection: "Connection", asset: str, check: str, *, since: datetime, until: datetime, most: int = 400
) -> list[dict[str, Any]]:
    """Evaluations of one check in a range of time, newest first."""
    wanted = {"asset": asset, "check": check, "since": since, "until": until, "most": most}
    return rows(connection, _ONE, wanted)


def failed_sample(
    connection: "Connection", asset: str, check: str, *, since: datetime, until: datetime
) -> dict[str, Any] | None:
    """The rows that the last failure in a range of time showed, with its run; None when none failed."""
    wanted = {"asset": asset, "check": check, "since": since, "until": until}
    found = rows(connection, _SAMPLE, wanted)
    return found[0] if found else None


def failures_by_day(connection: "Connection", since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Failed evaluations a day and severity."""
    return rows(connection, _DAYS, {"since": since, "until": until})

"""Where assets, checks and jobs stand, as typed rows: what health is judged by."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@dataclass(frozen=True)
class Attempt:
    """The newest plan for an asset (`check_name` empty) or a check, and what became of it.

    `step_error` is the error of its own step; `run_error` that of the run, where another step failed.
    """

    asset: str
    check_name: str
    partition: str
    run_id: str
    at: datetime
    delivered: bool
    status: str
    step_error: str | None
    run_error: str | None


@dataclass(frozen=True)
class CheckStanding:
    """A check with its last evaluation; everything of it is None when the check was planned and never evaluated."""

    asset: str
    check_name: str
    rule: str
    blocking: bool
    evaluations: int
    failures: int
    last_at: datetime | None
    last_passed: bool | None
    failing_since: datetime | None
    severity: str | None
    value: float | None
    low: float | None
    high: float | None
    offending: int | None
    total: int | None
    run_id: str | None
    partition: str | None


@dataclass(frozen=True)
class JobRun:
    """The newest ended run of a job, where it names no asset: one of plain ops, or one that failed before it began."""

    job: str
    run_id: str
    status: str
    ended_at: datetime
    error: str | None


_ATTEMPTS = """
    SELECT p.asset, p.check_name, p.partition, p.run_id, p.at, coalesce(r.status, 'NOT_STARTED') AS status,
           r.steps ->> p.step_key AS step_error, r.error AS run_error,
           CASE WHEN p.check_name = ''
                THEN EXISTS (SELECT FROM quality.materialisations m WHERE m.run_id = p.run_id AND m.asset = p.asset
                             AND (p.partition = '' OR m.partition = p.partition))
                ELSE EXISTS (SELECT FROM quality.evaluations e WHERE e.run_id = p.run_id AND e.asset = p.asset
                             AND e.check_name = p.check_name) END AS delivered
    FROM quality.plans p LEFT JOIN quality.runs r USING (run_id)
    ORDER BY p.asset, p.check_name, p.partition
"""
_CHECKS = """
    SELECT c.asset, c.check_name, c.rule, c.blocking, c.evaluations, c.failures, c.last_at, c.last_passed,
           c.failing_since, e.severity, e.value, e.low, e.high, e.offending, e.total, e.run_id, e.partition
    FROM quality.checks c JOIN quality.evaluations e ON e.id = c.last_id
    UNION ALL
    SELECT DISTINCT p.asset, p.check_name, '', false, 0, 0, NULL::timestamptz, NULL::boolean, NULL::timestamptz,
           NULL, NULL::float8, NULL::float8, NULL::float8, NULL::bigint, NULL::bigint, NULL, NULL
    FROM quality.plans p
    WHERE p.check_name <> '' AND NOT EXISTS (
        SELECT FROM quality.checks c WHERE c.asset = p.asset AND c.check_name = p.check_name)
    ORDER BY 1, 2
"""
_JOBS = """
    SELECT job, run_id, status, ended_at, error FROM (
        SELECT DISTINCT ON (job) * FROM quality.runs WHERE job <> '' AND ended_at IS NOT NULL
        ORDER BY job, created_at DESC) newest
    WHERE assets = '{}' ORDER BY job
"""


def attempts(connection: "Connection") -> list[Attempt]:
    """The newest attempt at every asset and check."""
    return [Attempt(**row) for row in rows(connection, _ATTEMPTS)]


def checks(connection: "Connection") -> list[CheckStanding]:
    """Every check that was ever evaluated or planned."""
    return [CheckStanding(**row) for row in rows(connection, _CHECKS)]


def jobs(connection: "Connection") -> list[JobRun]:
    """Each job whose newest ended run names no asset, by that run."""
    return [JobRun(**row) for row in rows(connection, _JOBS)]

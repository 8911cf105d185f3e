"""Writes evaluations, materialisations and retrainings; writing one twice changes nothing."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from buddies_core import json_text
from quality.history.records import Evaluation, Materialisation, Retraining

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_EVALUATIONS = """
    INSERT INTO quality.evaluations (storage_id, at, asset, check_name, run_id, partition, severity, passed,
                                     value, low, high, offending, total, sample)
    VALUES %s ON CONFLICT (storage_id) DO NOTHING
"""
_RULES = """
    INSERT INTO quality.checks (asset, check_name, rule, blocking) VALUES %s
    ON CONFLICT (asset, check_name) DO UPDATE SET rule = excluded.rule, blocking = excluded.blocking
"""
_MATERIALISATIONS = """
    INSERT INTO quality.materialisations (storage_id, at, asset, run_id, partition, row_count, bytes, fingerprint,
                                          metadata)
    VALUES %s ON CONFLICT (storage_id) DO NOTHING
"""
_RETRAININGS = """
    INSERT INTO quality.retrainings (version, at, run_id, metrics, epochs, configuration) VALUES %s
    ON CONFLICT (version) DO UPDATE SET metrics = excluded.metrics, epochs = excluded.epochs
"""


def write_evaluations(connection: "Connection", evaluations: Sequence[Evaluation]) -> None:
    """Add evaluations; the table of checks follows by trigger, the rules' texts here."""
    found = [
        (
            *(e.storage_id, e.at, e.asset, e.check_name, e.run_id, e.partition, e.severity, e.passed),
            *(_finite(e.value), _finite(e.low), _finite(e.high), e.offending, e.total, _json(e.sample)),
        )
        for e in evaluations
    ]
    _insert(connection, _EVALUATIONS, found)
    rules = {(e.asset, e.check_name): (e.asset, e.check_name, e.rule, e.blocking) for e in evaluations if e.rule}
    _insert(connection, _RULES, list(rules.values()))


def write_materialisations(connection: "Connection", made: Sequence[Materialisation]) -> None:
    """Add materialisations."""
    found = [
        (m.storage_id, m.at, m.asset, m.run_id, m.partition, m.row_count, m.bytes, m.fingerprint, _json(m.metadata))
        for m in made
    ]
    _insert(connection, _MATERIALISATIONS, found)


def write_retrainings(connection: "Connection", retrainings: Sequence[Retraining]) -> None:
    """Add versions of the model, or renew the metrics of those that are there."""
    by_version = {r.version: r for r in retrainings}
    found = [
        (r.version, r.at, r.run_id, _json(r.metrics), _json(r.epochs), _json(r.configuration))
        for r in by_version.values()
    ]
    _insert(connection, _RETRAININGS, found)


def _insert(connection: "Connection", sql: str, values: list[tuple[Any, ...]]) -> None:
    from psycopg2.extras import execute_values

    if values:
        with connection.cursor() as cursor:
            execute_values(cursor, sql, values, page_size=500)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _json(value: Any) -> str | None:
    return None if value is None else json_text.dumps(value, default=str)

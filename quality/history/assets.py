"""What the assets are: last materialisation, rows over time, statistics of a version, versions of the model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from buddies_core import json_text
from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

TREND = 30
FIGURES = 3
"""Raised when figures are computed in another way: those that are kept are then computed again."""


@dataclass(frozen=True)
class AssetVersion:
    """The newest materialisation of an asset, and the rows of its last thirty before a time, oldest first."""

    asset: str
    at: datetime
    run_id: str | None
    row_count: int | None
    trend: tuple[int, ...] = ()
    partition: str | None = None
    bytes: int | None = None
    fingerprint: str | None = None


_LATEST = """
    WITH RECURSIVE names AS (
        (SELECT asset FROM quality.materialisations ORDER BY asset LIMIT 1)
        UNION ALL
        SELECT (SELECT m.asset FROM quality.materialisations m WHERE m.asset > n.asset ORDER BY m.asset LIMIT 1)
        FROM names n WHERE n.asset IS NOT NULL)
    SELECT n.asset, l.at, l.run_id, l.partition, l.row_count, l.bytes, l.fingerprint, t.trend
    FROM names n
    CROSS JOIN LATERAL (SELECT * FROM quality.materialisations m WHERE m.asset = n.asset
                        ORDER BY m.at DESC LIMIT 1) l
    CROSS JOIN LATERAL (SELECT array_agg(s.row_count ORDER BY s.at) AS trend FROM
                        (SELECT at, row_count FROM quality.materialisations m WHERE m.asset = n.asset
                         AND m.at < %(until)s ORDER BY m.at DESC LIMIT %(trend)s) s) t
    WHERE n.asset IS NOT NULL
"""
_SERIES = """
    SELECT at, row_count, bytes, run_id, partition FROM quality.materialisations
    WHERE asset = %(asset)s AND at >= %(since)s AND at < %(until)s ORDER BY at
"""
_STATISTICS = "SELECT figures FROM quality.statistics WHERE asset = %(asset)s AND fingerprint = %(fingerprint)s"


def latest(connection: "Connection", until: datetime) -> list[AssetVersion]:
    """Each asset's last materialisation, and the rows of its last thirty before `until`, oldest first."""
    found = rows(connection, _LATEST, {"until": until, "trend": TREND})
    return [AssetVersion(**row | {"trend": tuple(n for n in row["trend"] or () if n is not None)}) for row in found]


def materialisations(connection: "Connection", asset: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Materialisations of one asset in a range of time, oldest first."""
    return rows(connection, _SERIES, {"asset": asset, "since": since, "until": until})


def retrainings(connection: "Connection") -> list[dict[str, Any]]:
    """Every version of the model, oldest first."""
    return rows(connection, "SELECT * FROM quality.retrainings ORDER BY at")


def statistics(
    connection: "Connection", asset: str, fingerprint: str, compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Figures of one version of a dataset: computed when first asked for, then kept under its fingerprint."""
    fingerprint = f"{fingerprint}.{FIGURES}"
    held = rows(connection, _STATISTICS, {"asset": asset, "fingerprint": fingerprint})
    if held:
        return held[0]["figures"]
    figures = compute()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO quality.statistics (asset, fingerprint, figures) VALUES (%s, %s, %s)"
            " ON CONFLICT (asset, fingerprint) DO NOTHING",
            (asset, fingerprint, json_text.dumps(figures)),
        )
        connection.commit()
    return figures

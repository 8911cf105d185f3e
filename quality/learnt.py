"""Every figure of an asset over its versions, each with the band learnt from those before: rows, and what columns hold.

The asset's page and the drift checks read the same, so that what one calls outside the other alarms of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from buddies_core.postgres.schema import rows
from quality.bands import Band, Seen, judged
from quality.history.profiles import LAST, profiles

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ROWS = "rows"
OF_COLUMNS: Mapping[str, str] = {
    "nulls": "share of nulls",
    "distinct": "different values",
    "mean": "mean",
    "p1": "1 % quantile",
    "median": "median",
    "p99": "99 % quantile",
}
"""Figures of a column that are followed, and what they are called."""
ROOM = {"nulls": 0.02}
"""Half of the least width of a share's band: two points of nulls are no news."""
_ROWS = """
    SELECT at, row_count, partition FROM (
        SELECT DISTINCT ON (coalesce(partition, id::text)) at, row_count, partition FROM quality.materialisations
        WHERE asset = %(asset)s AND at < %(until)s AND row_count IS NOT NULL
        ORDER BY coalesce(partition, id::text), at DESC) newest
    ORDER BY at DESC LIMIT %(last)s
"""


@dataclass(frozen=True)
class Learnt:
    """One figure over the versions, oldest first, with the band that each was expected in (None: still being learnt).

    `column` is empty for figures of the whole asset.
    """

    column: str
    figure: str
    seen: Sequence[Seen]
    bands: Sequence[Band | None]

    @property
    def newest(self) -> Seen:
        """The value of the newest version."""
        return self.seen[-1]

    @property
    def band(self) -> Band | None:
        """The band of the newest version."""
        return self.bands[-1]

    @property
    def outside(self) -> bool:
        """Whether the newest value left its band."""
        return self.band is not None and not self.band.holds(self.newest.value)

    @property
    def name(self) -> str:
        """What it is, in words."""
        told = OF_COLUMNS.get(self.figure, self.figure)
        return f"{told} of {self.column}" if self.column else told


def row_counts(connection: "Connection", asset: str, until: datetime) -> Learnt | None:
    """Rows of each version, or of each day of an asset that is made day by day; None where no run told any."""
    found = rows(connection, _ROWS, {"asset": asset, "until": until, "last": LAST})
    seen = sorted(
        (Seen(_when(row["partition"], row["at"]), float(row["row_count"])) for row in found), key=lambda one: one.at
    )
    return _learnt("", ROWS, seen) if seen else None


def _when(partition: str | None, made: datetime) -> datetime:
    """The day of a partition that is one: its rows have that day's season, whenever they were made."""
    try:
        day = date.fromisoformat(partition or "")
    except ValueError:
        return made
    return datetime.combine(day, time.min, UTC)


def of_columns(connection: "Connection", asset: str, until: datetime) -> list[Learnt]:
    """The followed figures of every column that the newest version has."""
    versions = profiles(connection, asset, until)
    if not versions:
        return []
    series: dict[tuple[str, str], list[Seen]] = {}
    for at, columns in versions:
        for row in columns:
            for figure in OF_COLUMNS:
                if isinstance(row.get(figure), int | float):
                    series.setdefault((row["column"], figure), []).append(Seen(at, float(row[figure])))
    newest = versions[-1][0]
    return [
        _learnt(column, figure, seen) for (column, figure), seen in series.items() if seen[-1].at == newest
    ]  # of columns that are gone there is nothing to judge: the schema's check says that they are


def _learnt(column: str, figure: str, seen: list[Seen]) -> Learnt:
    return Learnt(column, figure, seen, judged(seen, ROOM.get(figure, 0.0)))


def everything(connection: "Connection", asset: str, until: datetime) -> list[Learnt]:
    """Rows and columns' figures, those outside their bands first."""
    counted = row_counts(connection, asset, until)
    found = [*([counted] if counted else []), *of_columns(connection, asset, until)]
    return sorted(found, key=lambda one: not one.outside)


def as_rows(learnt: Learnt) -> list[dict[str, Any]]:
    """For the chart of a value and its band over time."""
    return [
        {
            "at": seen.at.isoformat(),
            "value": seen.value,
            "low": band.low if band else None,
            "high": band.high if band else None,
            "state": "warn" if band and not band.holds(seen.value) else "pass",
        }
        for seen, band in zip(learnt.seen, learnt.bands, strict=True)
    ]

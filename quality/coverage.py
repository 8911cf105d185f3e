"""How much of the data some check looks at: share of assets, and share of their columns.

A column counts as covered when the asset's schema describes it and a check of that asset has a result.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from quality.tables import SCHEMAS

BY_RULES = {
    "user_library": {"user", "user_id", "songs", "length", "number"},
    "playlist_library": {"playlist", "pid", "songs", "length"},
}
"""Index tables of the libraries: rules hold their ids, order and sizes, and no schema describes them."""


@dataclass(frozen=True)
class Coverage:
    """Covered and all, of assets and of columns."""

    assets: int
    of_assets: int
    columns: int
    of_columns: int


def coverage(columns: Mapping[str, Collection[str]], checked: Collection[str]) -> Coverage:
    """Coverage of stored assets (`columns` by asset) by the assets that have a check with a result."""
    described = {asset: set(table.fields) for asset, table in SCHEMAS.items()} | BY_RULES
    covered = sum(len(set(names) & described.get(asset, set())) for asset, names in columns.items() if asset in checked)
    return Coverage(
        assets=sum(asset in checked for asset in columns),
        of_assets=len(columns),
        columns=covered,
        of_columns=sum(len(names) for names in columns.values()),
    )

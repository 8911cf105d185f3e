"""How much of the data some check looks at: share of assets, and share of their columns.

A column counts as covered when the asset's spec describes it and a check of that asset has a result.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from quality.registry import spec_of


@dataclass(frozen=True)
class Coverage:
    """Covered and all, of assets and of columns."""

    assets: int
    of_assets: int
    columns: int
    of_columns: int


def coverage(columns: Mapping[str, Collection[str]], checked: Collection[str]) -> Coverage:
    """Coverage of stored assets (`columns` by asset) by the assets that have a check with a result."""
    covered = sum(len(set(names) & spec_of(asset).columns) for asset, names in columns.items() if asset in checked)
    return Coverage(
        assets=sum(asset in checked for asset in columns),
        of_assets=len(columns),
        columns=covered,
        of_columns=sum(len(names) for names in columns.values()),
    )

"""What all asset definitions share: owners, groups, and how facts become metadata."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from buddies_core.json_text import finite
from buddies_core.storage.dataset import Dataset
from quality.owners import TEAM

OWNERS = [TEAM]

SOURCES, SONGS, SCORING, SPLITTING, TRAINING, PAIRING, SERVING = (
    "sources",
    "libraries",
    "scoring",
    "splitting",
    "training",
    "pairing",
    "serving",
)
"""Groups of assets, one a stage."""

QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)


def quantiles(values: pl.Series) -> dict[str, float]:
    """Mean and quantiles of a column, named as the published statistics are; empty for an empty column."""
    values = values.drop_nulls()
    if not len(values):
        return {}
    names = ("min", "p1", "p25", "median", "p75", "p99", "max")
    found = {name: float(values.quantile(q, "linear") or 0.0) for name, q in zip(names, QUANTILES, strict=True)}
    return found | {"mean": float(values.to_numpy().mean())}


def spread(label: str, values: pl.Series) -> dict[str, float]:
    """`quantiles` as metadata entries of one measure."""
    return {f"{label}: {name}": value for name, value in quantiles(values).items()}


def per_value(dataset: Dataset, column: str) -> pl.Series:
    """How often each value of an index column occurs, values that do not occur left out; one shard in memory."""
    counts = dataset.counts(column)
    return pl.Series(counts[counts > 0])


def table(frame: pl.DataFrame, rows: int = 20) -> dg.TableMetadataValue:
    """The first rows of a frame as a metadata table."""
    records = [
        dg.TableRecord({name: _plain(value) for name, value in row.items()}) for row in frame.head(rows).to_dicts()
    ]
    columns = [dg.TableColumn(name, _type_name(dtype)) for name, dtype in frame.schema.items()]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as metadata: numbers of Python, nothing of numpy or polars."""
    return {name.replace("_", " "): _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> str | int | float | bool | None:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return finite(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, list) and len(value) > 8:
        return f"{value[:8]} … ({len(value)})"
    return str(value)


def _type_name(dtype: pl.DataType) -> str:
    if dtype.is_float():
        return "float"
    if dtype.is_integer():
        return "int"
    return "bool" if dtype == pl.Boolean else "string"

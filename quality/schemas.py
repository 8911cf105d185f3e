"""Pandera schemas of every table (`quality/tables.py`), and the rule `matches_its_schema` that each of them gives.

Pandera validates eager polars frames here: on a LazyFrame it would look at the schema alone. It takes 1.6 s to import,
so it is imported when the first schema is built, never when definitions load.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from quality.rules.conforming import conforms
from quality.rules.verdict import SAMPLE_ROWS, Finding, Rule, Severity
from quality.tables import SCHEMAS, Field

if TYPE_CHECKING:
    import pandera.polars as pa


class UnknownSchemaError(LookupError):
    """There is no schema for the named dataset."""


@dataclass(frozen=True)
class Sizes:
    """Rows of the three index tables, and numbers given to users; None leaves the foreign key unchecked."""

    users: int | None = None
    numbers: int | None = None
    playlists: int | None = None
    songs: int | None = None


BESIDE_THE_MODEL = frozenset({"bpr_search", "cold_user_evaluation"})
"""Datasets that nothing is built on: a broken one is an error, and holds nothing back."""


def pandera_schema(asset: str, sizes: Sizes) -> "pa.DataFrameSchema":
    """The Pandera schema of a dataset, its foreign keys bounded by `sizes`.

    Raises:
        UnknownSchemaError: the dataset has none.
    """
    if asset not in SCHEMAS:
        raise UnknownSchemaError(f"no schema for {asset!r}; there are: {', '.join(sorted(SCHEMAS))}")
    return _built(asset, sizes, None)


@lru_cache(maxsize=128)
def _built(asset: str, sizes: Sizes, width: int | None) -> "pa.DataFrameSchema":
    import pandera.polars as pa

    table = SCHEMAS[asset]
    columns = {}
    for name, field in table.fields.items():
        checks = [pa.Check.ge(field.low)] if field.low is not None else []
        top = _highest(field, sizes)
        if top is not None:
            checks.append(pa.Check.le(top))
        if field.pattern is not None:
            checks.append(pa.Check.str_matches(field.pattern))
        columns[name] = pa.Column(
            _of_width(field.dtype, width),
            checks,
            nullable=field.nullable,
            unique=field.unique,
            required=not field.optional,
        )
    return pa.DataFrameSchema(
        columns, strict=table.strict, unique=list(table.key) or None, name=asset, description=f"rows of {asset}"
    )


def _of_width(dtype: Any, width: int | None) -> Any:
    """The type of a list of fixed length at the length it has: how long lists are is a setting, and rules judge it."""
    return pl.Array(dtype.inner, width) if isinstance(dtype, pl.Array) and width is not None else dtype


def _highest(field: Field, sizes: Sizes) -> float | None:
    if field.index is None:
        return field.high
    table, _, inclusive = field.index.partition("_")
    size = getattr(sizes, table)
    return None if size is None else size - (0 if inclusive else 1)


def schema_finding(frame: pl.DataFrame, asset: str, sizes: Sizes) -> Finding:
    """What a dataset's schema finds: the number of failure cases, and the first of them."""
    table = SCHEMAS[asset]
    if conforms(frame, table, {name: _highest(field, sizes) for name, field in table.fields.items()}):
        return Finding(0.0, None, 0.0, 0, frame.height, counts_rows=True)
    from pandera.errors import SchemaErrors

    try:
        widths = [dtype.size for dtype in frame.schema.dtypes() if isinstance(dtype, pl.Array)]
        _built(asset, sizes, widths[0] if widths else None).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases.select(
            pl.col(c).cast(pl.String) for c in ("column", "check", "failure_case", "index")
        )
        return Finding(
            float(cases.height), None, 0.0, cases.height, frame.height, cases.head(SAMPLE_ROWS), counts_rows=True
        )
    return Finding(0.0, None, 0.0, 0, frame.height, counts_rows=True)


def schema_rule(asset: str) -> Rule:
    """The rule `matches_its_schema` of a dataset; it needs only the sizes that its foreign keys point into."""
    pointed = {field.index.partition("_")[0] for field in SCHEMAS[asset].fields.values() if field.index}
    sizes = sorted(f"n_{table}" for table in pointed)

    def predicate(**inputs: object) -> Finding:
        known = Sizes(**{name.removeprefix("n_"): int(inputs[name]) for name in sizes})  # type: ignore[call-overload]
        return schema_finding(inputs[asset], asset, known)  # type: ignore[arg-type]

    return Rule(
        name="matches_its_schema",
        asset=asset,
        severity=Severity.ERROR,
        blocking=asset not in BESIDE_THE_MODEL,
        text=f"Columns, types, nulls, ranges, keys and index bounds of {asset}: {', '.join(SCHEMAS[asset].fields)}.",
        inputs={asset: asset, **{name: name for name in sizes}},
        predicate=predicate,
    )

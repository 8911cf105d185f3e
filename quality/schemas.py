"""Pandera schemas of every table (`DatasetSpec.schema`), and the rule `matches_its_schema` that each of them gives.

Pandera validates eager polars frames here: on a LazyFrame it would look at the schema alone. It takes 1.6 s to import,
so it is imported when the first schema is built, never when definitions load.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from buddies_core.errors import BuddiesError
from quality.dataset_spec import Field, TableSchema
from quality.registry import dataset_specs, spec_of
from quality.rules.conforming import conforms
from quality.rules.verdict import SAMPLE_ROWS, Finding, Rule, Severity

if TYPE_CHECKING:
    import pandera.polars as pa


_INCLUSIVE = "_inclusive"


class UnknownSchemaError(BuddiesError, LookupError):
    """There is no schema for the named dataset."""


Sizes = Mapping[str, int]
"""Rows of the tables that foreign keys point into, by name; one that is not there leaves its keys unchecked."""


def pandera_schema(asset: str, sizes: Sizes) -> "pa.DataFrameSchema":
    """The Pandera schema of a dataset, its foreign keys bounded by `sizes`.

    Raises:
        UnknownSchemaError: the dataset has none.
    """
    return _built(asset, _schema(asset), frozenset(sizes.items()), None)


def _schema(asset: str) -> TableSchema:
    schema = spec_of(asset).schema
    if schema is None:
        described = sorted(name for name, spec in dataset_specs().items() if spec.schema)
        raise UnknownSchemaError(f"no schema for {asset!r}; there are: {', '.join(described)}")
    return schema


@lru_cache(maxsize=128)
def _built(
    asset: str, table: TableSchema, sizes: frozenset[tuple[str, int]], width: int | None
) -> "pa.DataFrameSchema":
    import pandera.polars as pa

    columns = {}
    for name, field in table.fields.items():
        checks = [pa.Check.ge(field.low)] if field.low is not None else []
        top = _highest(field, dict(sizes))
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
    size = sizes.get(_pointed(field.index))
    return None if size is None else size - (0 if field.index.endswith(_INCLUSIVE) else 1)


def _pointed(index: str) -> str:
    return index.removesuffix(_INCLUSIVE)


def schema_finding(frame: pl.DataFrame, asset: str, sizes: Sizes) -> Finding:
    """What a dataset's schema finds: the number of failure cases, and the first of them."""
    table = _schema(asset)
    if conforms(frame, table, {name: _highest(field, sizes) for name, field in table.fields.items()}):
        return Finding(0.0, None, 0.0, 0, frame.height, counts_rows=True)
    from pandera.errors import SchemaErrors

    try:
        widths = [dtype.size for dtype in frame.schema.dtypes() if isinstance(dtype, pl.Array)]
        _built(asset, _schema(asset), frozenset(sizes.items()), widths[0] if widths else None).validate(
            frame, lazy=True
        )
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
    schema = _schema(asset)
    sizes = sorted({f"n_{_pointed(field.index)}" for field in schema.fields.values() if field.index})

    def predicate(**inputs: object) -> Finding:
        known = {name.removeprefix("n_"): int(inputs[name]) for name in sizes}  # type: ignore[call-overload]
        return schema_finding(inputs[asset], asset, known)  # type: ignore[arg-type]

    return Rule(
        name="matches_its_schema",
        asset=asset,
        severity=Severity.ERROR,
        blocking=spec_of(asset).blocking,
        text=f"Columns, types, nulls, ranges, keys and index bounds of {asset}: {', '.join(schema.fields)}.",
        inputs={asset: asset, **{name: name for name in sizes}},
        predicate=predicate,
    )

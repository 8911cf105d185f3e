"""Whether a table is known to fit its schema, in one pass over its columns; the Pandera schema says what does not."""

import polars as pl

from quality.dataset_spec import Field, TableSchema
from quality.rules.packing import hashes, packed, repeats


def conforms(frame: pl.DataFrame, table: TableSchema, bounds: dict[str, float | None]) -> bool:
    """Whether every column has its type, range and nulls, and the keys are unique. False: it is not known.

    Args:
        bounds: the largest value that each column may have; None where there is no bound.
    """
    present = set(frame.columns)
    if table.strict and not present <= table.fields.keys():
        return False
    if any(name not in present and not field.optional for name, field in table.fields.items()):
        return False
    if not all(_fits(frame[name], field, bounds[name]) for name, field in table.fields.items() if name in present):
        return False
    keys = [(name,) for name, field in table.fields.items() if field.unique and name in present]
    return not any(_repeats(frame, key) for key in ([*keys, table.key] if table.key else keys))


def _fits(column: pl.Series, field: Field, top: float | None) -> bool:
    if isinstance(field.dtype, pl.Array):
        same = isinstance(column.dtype, pl.Array) and column.dtype.inner == field.dtype.inner
    else:
        same = column.dtype == field.dtype
    if not same or (column.null_count() and not field.nullable):
        return False
    if field.low is None and top is None and field.pattern is None:
        return True
    if field.pattern is not None:
        held = column.drop_nulls().str.contains(field.pattern).all()
        return bool(held) and field.low is None and top is None
    if column.dtype.is_float() and column.is_nan().any():
        return False
    low, high = column.min(), column.max()
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return column.null_count() == len(column)
    return (field.low is None or low >= field.low) and (top is None or high <= top)


def _repeats(frame: pl.DataFrame, key: tuple[str, ...]) -> bool:
    packs = packed([frame], key)
    return repeats(packs[0] if packs else hashes(frame, key))

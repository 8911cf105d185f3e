"""Small polars questions that many rules ask: duplicates, foreign keys, order within a user, members of lists."""

import polars as pl

from quality.rules.verdict import Finding, offending_rows

ROUNDING = 1e-6
"""Relative room for a float32: equal quotients of different integers may differ in the last bits."""


def duplicates(frame: pl.DataFrame, *columns: str) -> Finding:
    """Rows whose key occurs more than once."""
    counted = frame.group_by(columns).len("copies").filter(pl.col("copies") > 1).sort("copies", descending=True)
    return offending_rows(counted, frame.height)


def outside(frame: pl.DataFrame, column: str, size: int) -> Finding:
    """Rows whose index is not below `size` (or is null)."""
    return offending_rows(frame.filter(pl.col(column).is_null() | (pl.col(column) >= size)), frame.height)


def without_partner(frame: pl.DataFrame, other: pl.DataFrame, *columns: str) -> Finding:
    """Rows of `frame` whose key does not occur in `other`."""
    return offending_rows(frame.join(other.select(columns).unique(), on=list(columns), how="anti"), frame.height)


def with_partner(frame: pl.DataFrame, other: pl.DataFrame, *columns: str) -> Finding:
    """Rows of `frame` whose key occurs in `other`, where none may."""
    return offending_rows(frame.join(other.select(columns).unique(), on=list(columns), how="semi"), frame.height)


def exploded(frame: pl.DataFrame, column: str, member: str) -> pl.DataFrame:
    """One row per member of a list or array column, named `member`, beside the frame's scalar columns."""
    scalars = [c for c, kind in frame.schema.items() if not isinstance(kind, (pl.List, pl.Array))]
    listed = pl.col(column).arr.to_list() if isinstance(frame.schema[column], pl.Array) else pl.col(column)
    return frame.select(*scalars, listed.alias(member)).explode(member).drop_nulls(member)


def lengths(frame: pl.DataFrame, column: str) -> pl.Expr:
    """Length of each list, whatever the column is: a list or a fixed-width array."""
    if isinstance(frame.schema[column], pl.Array):
        return pl.col(column).arr.to_list().list.len()
    return pl.col(column).list.len()


def as_lists(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The frame with an array column as a list column, so that one predicate serves both."""
    if isinstance(frame.schema[column], pl.Array):
        return frame.with_columns(pl.col(column).arr.to_list())
    return frame


def repeated_members(frame: pl.DataFrame, column: str) -> Finding:
    """Rows whose list holds a member twice."""
    listed = as_lists(frame, column)
    return offending_rows(listed.filter(pl.col(column).list.n_unique() < pl.col(column).list.len()), frame.height)


def rising(frame: pl.DataFrame, *, by: str, order: str, value: str, other: str, exact: str) -> Finding:
    """Rows where, within `by` in the sequence of `order`, `value` grows, or at a tie `other` does not grow.

    A tie is equal `value` and equal `exact`: two different scores may be one float32, and their order is then not
    that of the index.
    """
    stepped = frame.sort(by, order).with_columns(
        pl.col(value).shift(1).over(by).alias("before"),
        pl.col(other).shift(1).over(by).alias("other_before"),
        pl.col(exact).shift(1).over(by).alias("exact_before"),
    )
    tied = (pl.col(value) == pl.col("before")) & (pl.col(exact) == pl.col("exact_before"))
    wrong = (pl.col(value) > pl.col("before") * (1 + ROUNDING)) | (tied & (pl.col(other) <= pl.col("other_before")))
    return offending_rows(stepped.filter(wrong), frame.height)


def broken_ranks(frame: pl.DataFrame, by: str) -> Finding:
    """Groups whose `rank` column is not 0, 1, 2, … (or 1, 2, 3, …) without gap or repeat."""
    spans = frame.group_by(by).agg(
        pl.col("rank").min().alias("first"),
        pl.col("rank").max().alias("last"),
        pl.col("rank").n_unique().alias("distinct"),
        pl.len().alias("rows"),
    )
    wrong = (
        (pl.col("last") - pl.col("first") + 1 != pl.col("rows"))
        | (pl.col("distinct") != pl.col("rows"))
        | (pl.col("first") > 1)
    )
    return offending_rows(spans.filter(wrong), spans.height)

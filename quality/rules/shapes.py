"""Small polars questions that many rules ask: duplicates, foreign keys, order within a user, members of lists."""

import numpy as np
import polars as pl

from quality.rules.members import counted_members, members_with_partner, rows_that_hold, rows_with_a_repeat
from quality.rules.packing import are_among, hashes, in_order, in_rising_order, packed, repeats
from quality.rules.verdict import Finding, offending_rows

ROUNDING = 1e-6
"""Relative room for a float32: equal quotients of different integers may differ in the last bits."""


def duplicates(frame: pl.DataFrame, *columns: str) -> Finding:
    """Rows whose key occurs more than once."""
    keys = packed([frame], columns)
    if not repeats(keys[0] if keys else hashes(frame, columns)):
        return offending_rows(frame.select(columns).clear(), frame.height)
    # Of keys that are hashes, two may be equal by chance: the columns themselves decide.
    counted = frame.group_by(columns).len("copies").filter(pl.col("copies") > 1).sort("copies", descending=True)
    return offending_rows(counted, frame.height)


def distinct(frame: pl.DataFrame, *columns: str) -> int:
    """How many different keys there are."""
    keys = packed([frame], columns)
    if keys is None:
        return frame.select(columns).n_unique()
    ordered = in_rising_order(keys[0])
    return int((ordered[1:] != ordered[:-1]).sum()) + (len(ordered) > 0)


def outside(frame: pl.DataFrame, column: str, size: int) -> Finding:
    """Rows whose index is not below `size` (or is null)."""
    return offending_rows(frame.filter(pl.col(column).is_null() | (pl.col(column) >= size)), frame.height)


def without_partner(frame: pl.DataFrame, other: pl.DataFrame, *columns: str) -> Finding:
    """Rows of `frame` whose key does not occur in `other`."""
    return offending_rows(unmatched(frame, other, *columns), frame.height)


def with_partner(frame: pl.DataFrame, other: pl.DataFrame, *columns: str) -> Finding:
    """Rows of `frame` whose key occurs in `other`, where none may."""
    keys = packed([frame, other], columns)
    if keys is None:
        return offending_rows(frame.join(other.select(columns), on=list(columns), how="semi"), frame.height)
    return offending_rows(frame.filter(are_among(*keys)), frame.height)


def unmatched(frame: pl.DataFrame, other: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The rows of `frame` whose key does not occur in `other`: an anti join in the time of a sort."""
    keys = packed([frame, other], columns)
    if keys is None:
        return frame.join(other.select(columns), on=list(columns), how="anti")
    return frame.filter(~are_among(*keys))


def members_that_are(frame: pl.DataFrame, column: str, other: pl.DataFrame, by: str, member: str) -> Finding:
    """Members of the lists in `column` that stand beside the row's `by` in `other`, where none may."""
    found = members_with_partner(frame, column, other, by, member)
    return with_partner(exploded(frame, column, member), other, by, member) if found is None else found


def exploded(frame: pl.DataFrame, column: str, member: str) -> pl.DataFrame:
    """One row per member of a list or array column, named `member`, beside the frame's scalar columns."""
    scalars = [c for c, kind in frame.schema.items() if not isinstance(kind, (pl.List, pl.Array))]
    listed = pl.col(column).arr.to_list() if isinstance(frame.schema[column], pl.Array) else pl.col(column)
    return frame.select(*scalars, listed.alias(member)).explode(member).drop_nulls(member)


def member_counts(frame: pl.DataFrame, column: str, member: str, name: str) -> pl.DataFrame:
    """How often each member occurs in all lists of a column: (member, name)."""
    found = counted_members(frame, column, member, name)
    return exploded(frame.select(column), column, member).group_by(member).len(name) if found is None else found


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


def rows_holding(frame: pl.DataFrame, column: str, wanted: str) -> Finding:
    """Rows whose list in `column` holds their own value of `wanted`."""
    found = rows_that_hold(frame, column, wanted)
    if found is not None:
        return found
    listed = as_lists(frame, column)
    return offending_rows(listed.filter(pl.col(column).list.contains(pl.col(wanted))), frame.height)


def repeated_members(frame: pl.DataFrame, column: str) -> Finding:
    """Rows whose list holds a member twice."""
    found = rows_with_a_repeat(frame, column)
    if found is not None:
        return found
    listed = as_lists(frame, column)
    return offending_rows(listed.filter(pl.col(column).list.n_unique() < pl.col(column).list.len()), frame.height)


def rising(frame: pl.DataFrame, *, by: str, order: str, value: str, other: str, exact: str) -> Finding:
    """Rows where, within `by` in the sequence of `order`, `value` grows, or at a tie `other` does not grow.

    A tie is equal `value` and equal `exact`: two different scores may be one float32, and their order is then not
    that of the index.
    """
    keys = packed([frame], (by, order))
    ordered = frame if keys is not None and in_order(keys[0]) else frame.sort(by, order)
    same = pl.col(by) == pl.col(by).shift(1)
    stepped = ordered.with_columns(
        pl.when(same).then(pl.col(value).shift(1)).alias("before"),
        pl.when(same).then(pl.col(other).shift(1)).alias("other_before"),
        pl.when(same).then(pl.col(exact).shift(1)).alias("exact_before"),
    )
    tied = (pl.col(value) == pl.col("before")) & (pl.col(exact) == pl.col("exact_before"))
    wrong = (pl.col(value) > pl.col("before") * (1 + ROUNDING)) | (tied & (pl.col(other) <= pl.col("other_before")))
    return offending_rows(stepped.filter(wrong), frame.height)


def broken_ranks(frame: pl.DataFrame, by: str) -> Finding:
    """Groups whose `rank` column is not 0, 1, 2, … (or 1, 2, 3, …) without gap or repeat."""
    keys = packed([frame], (by, "rank"))
    if keys is not None and in_order(keys[0]):
        starts, broken = _steps(frame[by].to_numpy(), frame["rank"].to_numpy().astype(np.int64))
        if not broken:
            return offending_rows(frame.clear(), starts)
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


def _steps(groups: np.ndarray, ranks: np.ndarray) -> tuple[int, bool]:
    """Of rows in order: how many groups there are, and whether one does not count from 0 or 1 in steps of 1."""
    first = np.ones(len(groups), bool)
    first[1:] = groups[1:] != groups[:-1]
    step = np.ones(len(ranks), np.int64)
    step[1:] = np.diff(ranks)
    return int(first.sum()), bool((step[~first] != 1).any() or (ranks[first] > 1).any())

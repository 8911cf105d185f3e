"""Rules about the members of lists, a row's playlists or negatives, without a table of one row a member."""

import numpy as np
import polars as pl

from quality.rules.packing import in_rising_order, packed
from quality.rules.verdict import SAMPLE_ROWS, Finding, offending_rows

_HALF = 1 << 32
MOST_COUNTED = 1 << 24
"""Members below this are counted in an array of as many places; larger ones by sorting."""


def flat(column: pl.Series) -> tuple[np.ndarray, np.ndarray] | None:
    """(starts, members) of a column of lists or arrays: row r has `members[starts[r]:starts[r + 1]]`.

    None where a list or a member is null, or members are not whole numbers without a sign of at most 32 bits.
    """
    inner = getattr(column.dtype, "inner", None)
    if inner not in (pl.UInt8, pl.UInt16, pl.UInt32) or column.null_count():
        return None
    if isinstance(column.dtype, pl.Array):
        width = column.dtype.size
        starts = np.arange(0, (len(column) + 1) * width, width, dtype=np.int64) if width else None
        members = column.reshape((-1,)) if width and len(column) else None
    else:
        starts = np.concatenate([[0], np.cumsum(column.list.len().to_numpy(), dtype=np.int64)])
        members = column.explode(empty_as_null=False)
    if starts is None or members is None or members.null_count():
        return None
    return starts, members.to_numpy().astype(np.uint32, copy=False)


def members_with_partner(frame: pl.DataFrame, column: str, other: pl.DataFrame, by: str, member: str) -> Finding | None:
    """Members of the lists in `column` that stand beside the row's `by` in `other`, where none may.

    None where it cannot be told in one pass: see `flat` and `packed`.
    """
    found, pairs = flat(frame[column]), packed([other], [by, member])
    if found is None or pairs is None or not _small(other, by, member) or packed([frame], [by]) is None:
        return None
    from buddies_core.kernels.membership import members_in_sets

    starts, members = found
    keys = np.asarray(other[by].to_numpy(), np.uint64) * _HALF + np.asarray(other[member].to_numpy(), np.uint64)
    keys = in_rising_order(keys)
    owners = frame[by].to_numpy().astype(np.uint64)
    low = np.searchsorted(keys, owners * _HALF)
    high = np.searchsorted(keys, (owners + np.uint64(1)) * _HALF)
    rows, places = np.zeros(SAMPLE_ROWS, np.int64), np.zeros(SAMPLE_ROWS, np.int64)
    sets = (keys & np.uint64(_HALF - 1)).astype(np.uint32)
    count = int(members_in_sets(starts, members, low, high, sets, rows, places))
    shown = min(count, SAMPLE_ROWS)
    scalars = [c for c, kind in frame.schema.items() if not isinstance(kind, (pl.List, pl.Array))]
    named = pl.Series(member, members[places[:shown]])
    sample = frame.select(scalars)[rows[:shown]].with_columns(named)
    return Finding(float(count), None, 0.0, count, len(members), sample, counts_rows=True)


def _small(frame: pl.DataFrame, *columns: str) -> bool:
    """Whether values of the columns have at most 32 bits."""
    return all(_top(frame[c]) < _HALF for c in columns)


def _top(column: pl.Series) -> int:
    found = column.max()
    return found if isinstance(found, int) else 0


def rows_with_a_repeat(frame: pl.DataFrame, column: str) -> Finding | None:
    """Rows whose list holds a member twice; None where it cannot be told in one pass (`flat`)."""
    found = flat(frame[column])
    if found is None:
        return None
    from buddies_core.kernels.membership import rows_that_repeat

    rows = np.zeros(SAMPLE_ROWS, np.int64)
    count = int(rows_that_repeat(*found, rows))
    if count == 0:
        return offending_rows(frame.clear(), frame.height)
    sample = frame[rows[: min(count, SAMPLE_ROWS)]]
    return Finding(float(count), None, 0.0, count, frame.height, sample, counts_rows=True)


def highest_member(frame: pl.DataFrame, column: str) -> int | None:
    """The largest member of all lists; None where there is none or it cannot be told (`flat`)."""
    found = flat(frame[column])
    return None if found is None or not len(found[1]) else int(found[1].max())


def rows_that_hold(frame: pl.DataFrame, column: str, wanted: str) -> Finding | None:
    """Rows whose list holds the value of another column; None where it cannot be told in one pass (`flat`)."""
    found, keys = flat(frame[column]), packed([frame], [wanted])
    if found is None or keys is None:
        return None
    from buddies_core.kernels import membership

    rows = np.zeros(SAMPLE_ROWS, np.int64)
    count = int(membership.rows_that_hold(*found, keys[0], rows))
    sample = frame[rows[: min(count, SAMPLE_ROWS)]] if count else frame.clear()
    return Finding(float(count), None, 0.0, count, frame.height, sample, counts_rows=True)


def all_of_length(frame: pl.DataFrame, column: str, length: int) -> bool:
    """Whether it is known that every list has this many members and none is null."""
    found = flat(frame[column])
    return found is not None and bool((np.diff(found[0]) == length).all())


def counted_members(frame: pl.DataFrame, column: str, member: str, name: str) -> pl.DataFrame | None:
    """How often each member occurs in all lists: (member, name); None where it cannot be told (`flat`)."""
    found = flat(frame[column])
    if found is None:
        return None
    if len(found[1]) and int(found[1].max()) < MOST_COUNTED:
        counts = np.bincount(found[1])
        values = np.flatnonzero(counts).astype(np.uint32)
        times = counts[values]
    else:
        values, times = np.unique(found[1], return_counts=True)
    return pl.DataFrame({member: values, name: times.astype(np.uint32)})


def with_equal_members(frame: pl.DataFrame, other: pl.DataFrame, by: str, column: str) -> pl.DataFrame:
    """The keys `by` whose lists in both frames have the same members as often, in whatever order: a frame (by).

    By two sums of hashes, so that different lists pass by a chance of 2^-128. A key that it cannot tell of, such as one
    with two rows, or any where a list holds a null, is left out.
    """
    found = [_sums(one, by, column) for one in (frame, other)]
    if found[0] is None or found[1] is None:
        return frame.select(by).clear()
    return found[0].join(found[1], on=found[0].columns, how="semi").select(by)


def _sums(frame: pl.DataFrame, by: str, column: str) -> pl.DataFrame | None:
    """(by, length, one, other): how long each list is and two sums of its members' hashes, of keys with one row."""
    found = flat(frame[column])
    if found is None:
        return None
    from buddies_core.kernels.membership import sums_of_rows

    one, other = np.zeros(frame.height, np.uint64), np.zeros(frame.height, np.uint64)
    sums_of_rows(*found, one, other)
    summed = frame.select(by).with_columns(length=np.diff(found[0]), one=one, other=other)
    return summed.filter(summed[by].is_unique() & summed[by].is_not_null())

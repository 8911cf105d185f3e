"""What the columns of a dataset hold, by a sample of all its shards: nulls, different values, range, quantiles."""

from typing import Any

import polars as pl

from buddies_core.storage.dataset import Dataset

MOST_ROWS = 50_000
LONGEST = 60
_QUANTILES = (("p1", 0.01), ("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p99", 0.99))


def sample_of(dataset: Dataset, most: int = MOST_ROWS) -> pl.DataFrame:
    """At most `most` rows, as many of each shard in proportion to its rows: from its beginning, middle and end."""
    rows, parts = max(dataset.manifest.rows, 1), []
    for number, shard in enumerate(dataset.manifest.shards):
        wanted = min(shard.rows, max(3, most * shard.rows // rows))
        if wanted == shard.rows:
            parts.append(dataset.shard_rows(number, 0, shard.rows))
            continue
        each = wanted // 3
        middle = (shard.rows - each) // 2
        starts = (0, middle, shard.rows - each)
        parts += [dataset.shard_rows(number, start, start + each) for start in starts]
    return pl.concat(parts) if parts else dataset.frame()


def profile(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """One row a column: its type, share of nulls, how many different values, and the range and quantiles of numbers.

    Of lists and arrays, the figures are those of their lengths.
    """
    return [_of_column(frame[name]) for name in frame.columns]


def _of_column(column: pl.Series) -> dict[str, Any]:
    found: dict[str, Any] = {
        "column": column.name,
        "type": str(column.dtype),
        "nulls": column.null_count() / max(len(column), 1),
    }
    kind = column.dtype
    if isinstance(kind, pl.List | pl.Array):
        lengths = column.list.len() if isinstance(kind, pl.List) else column.arr.to_list().list.len()
        return found | {"of": "length"} | _of_numbers(lengths)
    if kind.is_numeric():
        return found | {"of": "value", "distinct": column.n_unique()} | _of_numbers(column)
    if kind.is_nested() or kind == pl.Binary:
        return found | {"of": "–"}
    known = column.drop_nulls().cast(pl.String)
    ends = {"min": _short(known.min()), "max": _short(known.max())} if len(known) else {}
    return found | {"of": "value", "distinct": column.n_unique()} | ends


def _of_numbers(column: pl.Series) -> dict[str, Any]:
    known = column.drop_nulls().cast(pl.Float64)
    known = known.filter(known.is_finite())
    if not len(known):
        return {}
    figures = {name: known.quantile(share, "linear") for name, share in _QUANTILES}
    return {"min": known.min(), **figures, "max": known.max(), "mean": known.mean()}


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


NAMED = {"playlist": "playlist", "positive": "playlist", "negative": "playlist"}
"""Columns of indexes of the playlist library, which people do not know: they know a pid and a name."""


def with_names(rows: pl.DataFrame, library: Dataset | None, playlists: Dataset | None) -> pl.DataFrame:
    """Sample rows with the pid and name beside each index of a playlist; lists as text."""
    shown = rows.with_columns(
        pl.Series(name, [None if held is None else _short(", ".join(map(str, held))) for held in rows[name].to_list()])
        for name, kind in rows.schema.items()
        if isinstance(kind, pl.List | pl.Array)
    )
    if library is None or playlists is None:
        return shown
    for column in [name for name in NAMED if name in shown.columns]:
        wanted = shown[column].drop_nulls().cast(pl.UInt32).unique()
        rows_of = library.scan().select(pl.col("playlist").cast(pl.UInt32), pl.col("pid").cast(pl.UInt32))
        pids = rows_of.filter(pl.col("playlist").is_in(wanted.implode())).collect()
        named = playlists.scan().select(pl.col("pid").cast(pl.UInt32), "name")
        names = named.filter(pl.col("pid").is_in(pids["pid"].implode())).collect()
        beside = pids.join(names, on="pid", how="left").rename({"pid": f"{column} pid", "name": f"{column} name"})
        key = shown.with_columns(pl.col(column).cast(pl.UInt32))
        shown = key.join(beside, left_on=column, right_on="playlist", how="left", maintain_order="left")
    return shown

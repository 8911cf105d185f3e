"""One dataset into one file of a common format, without holding it whole."""

from pathlib import Path

import polars as pl

from buddies_core.errors import BuddiesError
from buddies_core.storage.datasets import Dataset


class UnknownFormatError(BuddiesError):
    """A file ending that no writer stands for."""


def export_dataset(dataset: Dataset, file: Path) -> int:
    """Write the dataset's table to `file` by its ending; returns the rows written.

    In CSV lists become JSON text, and a text that a spreadsheet would run as a formula is quoted.

    Raises:
        UnknownFormatError: the ending is none of .parquet, .csv, .ndjson, .arrow.
    """
    frame = dataset.scan()
    match file.suffix:
        case ".parquet":
            frame.sink_parquet(file)
        case ".csv":
            frame.with_columns(_flattened(frame)).with_columns(_without_formulas(frame)).sink_csv(file)
        case ".ndjson":
            frame.sink_ndjson(file)
        case ".arrow":
            frame.sink_ipc(file)
        case other:
            raise UnknownFormatError(
                f"No writer for {other or 'a file without ending'}: use .parquet, .csv, .ndjson or .arrow."
            )
    return dataset.manifest.rows


def _without_formulas(frame: pl.LazyFrame) -> list[pl.Expr]:
    texts = [name for name, dtype in frame.collect_schema().items() if dtype == pl.String]
    return [
        pl.when(pl.col(name).str.contains("^[=+@\t\r-]")).then(pl.lit("'") + pl.col(name)).otherwise(name).alias(name)
        for name in texts
    ]


def _flattened(frame: pl.LazyFrame) -> list[pl.Expr]:
    nested = [name for name, dtype in frame.collect_schema().items() if isinstance(dtype, pl.List | pl.Array)]
    lists = [pl.col(name).cast(pl.List(pl.String)).list.join(",") for name in nested]
    return [pl.concat_str(pl.lit("["), text, pl.lit("]")).alias(name) for name, text in zip(nested, lists, strict=True)]

"""One dataset into one file of a common format, without holding it whole."""

from pathlib import Path

import polars as pl

from buddies_core.errors import BuddiesError
from buddies_core.storage.datasets import Dataset


class NoFolderError(BuddiesError):
    """The folder to write into is not there."""


class UnknownFormatError(BuddiesError):
    """A file ending that no writer stands for."""


def export_dataset(dataset: Dataset, file: Path) -> int:
    """Write the dataset's table to `file` by its ending; lists become JSON text in CSV. Returns the rows written.

    Raises:
        NoFolderError: the folder of `file` is not there.
        UnknownFormatError: the ending is none of .parquet, .csv, .ndjson, .arrow.
    """
    if not file.parent.is_dir():
        raise NoFolderError(f"There is no folder {file.parent}: make it first.")
    frame = dataset.scan()
    match file.suffix:
        case ".parquet":
            frame.sink_parquet(file)
        case ".csv":
            frame.with_columns(_flattened(frame)).sink_csv(file)
        case ".ndjson":
            frame.sink_ndjson(file)
        case ".arrow":
            frame.sink_ipc(file)
        case other:
            raise UnknownFormatError(
                f"No writer for {other or 'a file without ending'}: use .parquet, .csv, .ndjson or .arrow."
            )
    return dataset.manifest.rows


def _flattened(frame: pl.LazyFrame) -> list[pl.Expr]:
    nested = [name for name, dtype in frame.collect_schema().items() if isinstance(dtype, pl.List | pl.Array)]
    lists = [pl.col(name).cast(pl.List(pl.String)).list.join(",") for name in nested]
    return [pl.concat_str(pl.lit("["), text, pl.lit("]")).alias(name) for name, text in zip(nested, lists, strict=True)]

"""One dataset into one file of a common format, without holding it whole."""

from pathlib import Path

import numpy as np
import polars as pl

from buddies_core.errors import BuddiesError
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore


class NoFolderError(BuddiesError):
    """The folder to write into is not there."""


class UnknownFormatError(BuddiesError):
    """A file ending that no writer stands for."""


def export_dataset(store: DatasetStore, name: str, file: Path) -> int:
    """Write a dataset's table to `file` by its ending; returns the rows written.

    In CSV lists become JSON text, and a text that a spreadsheet would run as a formula is quoted.

    Where the stored table would mean little elsewhere, what it stands for is written: of a library one row a song, of
    `ranked_candidates` one row a place in a list, by user id and pid.

    Raises:
        NoFolderError: the folder of `file` is not there.
        UnknownFormatError: the ending is none of .parquet, .csv, .ndjson, .arrow.
    """
    if not file.parent.is_dir():
        raise NoFolderError(f"There is no folder {file.parent}: make it first.")
    frame = _meant(store, store.open(name))
    rows = int(frame.select(pl.len()).collect(engine="streaming").item())
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
    return rows


def _meant(store: DatasetStore, dataset: Dataset) -> pl.LazyFrame:
    match dataset.name:
        case "ranked_candidates":
            return _places(store, dataset)
        case "user_library" | "playlist_library":
            return _entries(store, dataset)
        case _:
            return dataset.scan()


def _places(store: DatasetStore, ranked: Dataset) -> pl.LazyFrame:
    """`user_id, pid, rank` (from 1), then `user, playlist, score`: one row a place, each list best first."""
    users = store.open("user_library").frame(["user", "user_id"]).lazy()
    playlists = store.open("playlist_library").frame(["playlist", "pid"]).lazy()
    listed = ranked.scan().filter(pl.col("playlists").list.len() > 0)
    places = listed.with_columns(rank=pl.int_ranges(1, pl.col("playlists").list.len() + 1)).explode(
        "playlists", "scores", "rank"
    )
    named = places.rename({"playlists": "playlist", "scores": "score"})
    joined = named.join(users, on="user", how="left", maintain_order="left")
    joined = joined.join(playlists, on="playlist", how="left", maintain_order="left")
    return joined.select("user_id", "pid", "rank", "user", "playlist", "score")


def _entries(store: DatasetStore, library: Dataset) -> pl.LazyFrame:
    """The row's number and id, then `song, key, title, artist`: one row a song of a library."""
    rows = library.frame()
    owner, name = rows.columns[:2]
    lengths = np.diff(library.array("indptr"))
    held = pl.LazyFrame(
        {owner: rows[owner].gather(np.repeat(np.arange(rows.height), lengths)), "song": library.array("indices")}
    )
    songs = store.open("songs").scan().select("song", "key", "title", "artist")
    joined = held.join(rows.lazy().select(owner, name), on=owner, how="left", maintain_order="left")
    return joined.join(songs, on="song", how="left", maintain_order="left").select(
        owner, name, "song", "key", "title", "artist"
    )


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

"""What the checks read of the served version and of the daily file: neither is a dataset of the store."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from quality.check_inputs import CheckInputs

DAILY_COLUMNS: dict[str, Any] = {"user_id": pl.Int64, "playlists": pl.List(pl.Int64)}


class NoDailyFileError(BuddiesError):
    """No daily file was ever written."""


def served_model_inputs(settings: Settings) -> Mapping[str, Any]:
    """The newest of the served versions: its arrays mapped from disk, a table of them, and what it was made of."""
    from buddies_core.artifact.store import read_manifest

    folder = newest_version(settings.local_home / "served_model")
    manifest = read_manifest(folder)
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in manifest.arrays}
    store = DatasetStore.at(settings.home)
    inputs = CheckInputs({n: store.open(n) for n in ("user_library", "playlist_library", "songs", "ranked_candidates")})
    names = ("n_numbers", "n_playlists", "n_songs", "user_rows", "playlist_rows", "ranked_candidates")
    known: dict[str, Any] = {name: inputs[name] for name in names}
    sizes = {"users": known["n_numbers"], "playlists": known["n_playlists"], "songs": known["n_songs"]}
    made_of = {"ranked_candidates": manifest.data_fingerprint, "user_library": manifest.extra.get("users")}
    return {
        **known,
        "served_model": array_table(arrays, sizes),
        "served_arrays": arrays,
        "served_lineage": pl.DataFrame(
            {
                "input": list(made_of),
                "made_of": list(made_of.values()),
                "stored": [store.open(name).fingerprint for name in made_of],
            },
            schema=dict.fromkeys(("input", "made_of", "stored"), pl.String),
        ),
    }


def newest_version(root: Path) -> Path:
    """Folder of the version published last: the challenger's, unless the champion was ranked anew since.

    Raises:
        NoServedModelError: nothing is published.
    """
    from buddies_core.artifact.store import read_channels, read_manifest

    channels = read_channels(root)
    versions = [channels.champion, *([channels.challenger.version] if channels.challenger else [])]
    return max(
        (root / "versions" / version for version in versions),
        key=lambda folder: datetime.fromisoformat(read_manifest(folder).created_at),
    )


def array_table(arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> pl.DataFrame:
    """One row an array of the format: its dtype and rows, and those expected of it; absent ones have no dtype.

    `sizes` are the rows of the tables `users`, `playlists` and `songs`; other lengths are those of the array that
    names them first.
    """
    from buddies_core.artifact.format import ARRAYS

    lengths, found = dict(sizes), []
    for name, spec in ARRAYS.items():
        array = arrays.get(name)
        if array is None and not spec.required:
            continue
        symbol, more = spec.shape[0].removesuffix("+1"), spec.shape[0].endswith("+1")
        rows = None if array is None else len(array)
        if rows is not None:
            lengths.setdefault(symbol, rows - more)
        expected = lengths.get(symbol)
        found.append(
            {
                "array": name,
                "dtype": None if array is None else array.dtype.str,
                "rows": rows,
                "expected_dtype": spec.dtype,
                "expected_rows": None if expected is None else expected + more,
            }
        )
    text, number = pl.String, pl.Int64
    schema = {"array": text, "dtype": text, "rows": number, "expected_dtype": text, "expected_rows": number}
    return pl.DataFrame(found, schema=schema)


def daily_inputs(settings: Settings) -> Mapping[str, Any]:
    """The newest daily file, its day, and what the champion answers if it was the champion when the file was written.

    Raises:
        NoDailyFileError: there is none.
    """
    from buddies_core.artifact.store import read_channels

    files = sorted((settings.local_home / "daily_recommendations").glob("????-??-??.ndjson"))
    if not files:
        raise NoDailyFileError("No daily file is stored: materialise the asset `daily_recommendations` first.")
    newest, root = files[-1], settings.local_home / "served_model"
    store = DatasetStore.at(settings.home)
    inputs = CheckInputs({name: store.open(name) for name in ("user_library", "playlist_library")})
    channels = read_channels(root)
    written_since = newest.stat().st_mtime >= datetime.fromisoformat(channels.since).timestamp()
    lists = pl.DataFrame(schema=DAILY_COLUMNS)
    champion = root / "versions" / channels.champion
    if written_since:
        lists = answers(champion)
    # While a new model is on trial the champion may be of earlier data, and its playlists are those of that library.
    theirs = pl.DataFrame({"pid": np.load(champion / "playlist_pids.npy")}, schema={"pid": pl.UInt32})
    known = pl.concat([inputs["playlist_rows"].select(pl.col("pid").cast(pl.UInt32)), theirs]).unique()
    return {
        "daily_recommendations": pl.read_ndjson(newest, schema=DAILY_COLUMNS),
        "daily_day": date.fromisoformat(newest.stem),
        "served_lists": lists,
        "playlist_rows": known,
        **{name: inputs[name] for name in ("n_numbers", "n_playlists", "now_at")},
    }


def answers(folder: Path) -> pl.DataFrame:
    """The ready-made answers of a version, one row a user: user_id, playlists."""
    offsets, content = (np.load(folder / f"contract_{part}.npy", mmap_mode="r") for part in ("offsets", "bytes"))
    # The answers stand end to end without a separator: a line break goes in front of each but the first.
    lines = np.insert(np.asarray(content), np.asarray(offsets[1:-1]), ord("\n")) if len(offsets) > 1 else content
    return pl.read_ndjson(lines.tobytes(), schema=DAILY_COLUMNS)

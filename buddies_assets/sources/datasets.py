"""The datasets of the sources: raw tables, what could not be read, songs, and the libraries over them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.sources.sequence_datasets import SEQUENCES
from buddies_core.interactions.numbers import numbered_rows, stored_register
from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from quality.check_inputs import columns_of, shards_of, table
from quality.dataset_spec import (
    Chart,
    DatasetSpec,
    Derived,
    Field,
    Figures,
    Parameter,
    Read,
    TableSchema,
    rows_by,
)
from quality.rules.shapes import exploded
from quality.statistics import row_count, spread

_U32, _STR = pl.UInt32, pl.String
_COUNT = Field(_U32, nullable=True, optional=True)
_COUNTS = ("kept", "quarantined", "repeats", "left_out", "lines", "parsed_lines", "bytes", "unread_bytes")
_SOURCE_OF = {"mpd_playlists": "mpd", "mpd_tracks": "mpd", "entp_plays": "entp", "msd_songs": "msd"}


def _raw_counts(handles: Mapping[str, Any]) -> pl.DataFrame:
    rows = []
    for name, source in _SOURCE_OF.items():
        manifest = handles[name].manifest
        counts = manifest.extra["counts"]
        rows.append(
            {
                "dataset": name,
                "source": source,
                "read": counts["rows"],
                **{column: counts.get(column, 0) for column in _COUNTS},  # a home of an older version lacks some
                "stored": manifest.rows,
            }
        )
    return pl.DataFrame(rows)


def _rows_of(name: str, table: str) -> Read:
    """Rows of a stored dataset; of bare tables, those of a table of its rows."""
    of_frames = Derived((table,), lambda **frames: frames[table].height)
    return Read(lambda handles: handles[name].manifest.rows, of_frames=of_frames)


def _of_songs(songs: pl.DataFrame) -> pl.DataFrame:
    return exploded(songs.select("track_uris"), "track_uris", "track_uri").unique()


def _listed(handles: Mapping[str, Any]) -> pl.DataFrame:
    """The URIs of songs that some track of a playlist has, looked for in one shard of tracks after another."""
    wanted = left = _of_songs(table(handles["songs"]))
    for tracks in shards_of(handles["mpd_tracks"], ["track_uri"]):
        left = left.join(tracks, on="track_uri", how="anti")
        if not left.height:
            break
    return wanted.join(left, on="track_uri", how="anti")


def _listed_in(songs: pl.DataFrame, mpd_tracks: pl.DataFrame) -> pl.DataFrame:
    return _listed({"songs": songs, "mpd_tracks": mpd_tracks})


RAW = (
    DatasetSpec(
        "mpd_playlists",
        schema=TableSchema(
            {
                "pid": Field(_U32, unique=True),
                "name": Field(_STR),
                "description": Field(_STR, nullable=True, optional=True),
                "collaborative": Field(pl.Boolean, nullable=True),
                "modified_at": Field(pl.Int64, nullable=True),
                **{f"num_{c}": _COUNT for c in ("tracks", "albums", "artists", "followers", "edits")},
                "duration_ms": Field(pl.Int64, low=0, nullable=True),
                "tracks": Field(_U32),
            },
            ("pid",),
        ),
        nulls=True,
    ),
    DatasetSpec(
        "mpd_tracks",
        schema=TableSchema(
            {
                "pid": Field(_U32),
                "pos": Field(_U32, high=100_000),
                "track_uri": Field(_STR),
                "track_name": Field(_STR),
                "artist_name": Field(_STR),
            },
            ("pid", "pos"),
        ),
        judged_by="pid",
        inputs={
            "track_counts": rows_by("pid", "found"),
            "listed_uris": Read(_listed, also=("songs",), of_frames=Derived(("songs", "mpd_tracks"), _listed_in)),
        },
    ),
    DatasetSpec(
        "entp_plays",
        schema=TableSchema(
            {"user_id": Field(_STR), "song_id": Field(_STR), "plays": Field(_U32, low=1)}, ("user_id", "song_id")
        ),
        judged_by="user_id",
        inputs={"n_plays": _rows_of("entp_plays", "entp_plays")},
    ),
    DatasetSpec(
        "msd_songs",
        schema=TableSchema(
            {
                "song_id": Field(_STR),
                "title": Field(_STR),
                "artist": Field(_STR),
                "release": Field(_STR, nullable=True),
                "year": Field(pl.UInt16, high=2030, nullable=True),
                "mismatched": Field(pl.Boolean),
            }
        ),
        nulls=True,
    ),
    DatasetSpec(
        "quarantined_raw",
        schema=TableSchema(
            {
                "source": Field(_STR),
                "file": Field(_STR),
                "position": Field(pl.Int64, nullable=True),
                "field": Field(_STR, nullable=True),
                "reason": Field(_STR),
                "excerpt": Field(_STR, nullable=True),
            },
            strict=False,
        ),
        inputs={"raw_counts": Read(_raw_counts, also=tuple(_SOURCE_OF))},
    ),
)


def _library(stored: Dataset) -> Any:
    from buddies_core.interactions.labelled import load_library

    return load_library(stored)


def _sizes_of(library: Any, name: str) -> pl.DataFrame:
    sizes = np.diff(np.asarray(library.indptr))
    songs = pl.Series("songs", sizes.astype(np.uint32))
    return pl.DataFrame([pl.Series(name, np.arange(len(sizes), dtype=np.uint32)), songs, songs.alias("length")])


def _sizes(name: str, row: str) -> Read:
    of_frames = Derived((name,), lambda **frames: _sizes_of(frames[name], row))
    return Read(lambda handles: columns_of(handles[name], row, "songs", "length"), of_frames=of_frames)


def _library_figures(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"songs_per_row": spread(dataset.frame(["songs"])["songs"].to_numpy()), "rows": dataset.manifest.rows}


SONGS = (
    DatasetSpec(
        "hidden_plays",
        schema=TableSchema({"user_id": Field(_STR), "song_id": Field(_STR)}, ("user_id", "song_id")),
        inputs={"hidden_share": Parameter("share", Settings.model_fields["hidden_share"].default)},
    ),
    DatasetSpec(
        "songs",
        schema=TableSchema(
            {
                "song": Field(_U32, unique=True),
                "key": Field(_STR, unique=True),
                "title": Field(_STR),
                "artist": Field(_STR),
                "song_ids": Field(pl.List(pl.String)),
                "track_uris": Field(pl.List(pl.String)),
            }
        ),
        figures=row_count,
        inputs={"n_songs": _rows_of("songs", "songs")},
    ),
    DatasetSpec(
        "user_library",
        described=frozenset({"user", "user_id", "songs", "length", "number"}),
        load=_library,
        figures=_library_figures,
        drift={"songs_per_row": "psi"},
        charts={"library": Chart("songs_per_row", "Songs per user library", "shared songs", "users")},
        inputs={
            "n_users": _rows_of("user_library", "user_rows"),
            "n_numbers": Read(
                lambda handles: stored_register(handles["user_library"]).height,
                of_frames=Derived(("user_rows",), lambda user_rows: user_rows.height),
            ),
            "user_rows": Read(lambda handles: numbered_rows(handles["user_library"]).select("user_id", "number")),
            "user_sizes": _sizes("user_library", "user"),
        },
    ),
    DatasetSpec(
        "playlist_library",
        described=frozenset({"playlist", "pid", "songs", "length"}),
        load=_library,
        figures=_library_figures,
        drift={"songs_per_row": "psi"},
        inputs={
            "n_playlists": _rows_of("playlist_library", "playlist_rows"),
            "playlist_rows": Read(lambda handles: columns_of(handles["playlist_library"], "pid")),
            "playlist_sizes": _sizes("playlist_library", "playlist"),
        },
    ),
)

DATASETS: tuple[DatasetSpec, ...] = (*RAW, *SONGS, *SEQUENCES)

"""What is told of the songs' datasets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from buddies_assets.systems.songs.slugs import SLUGS
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from quality.dataset_spec import Chart, DatasetSpec, Field, Figures, Read, TableSchema, part_of
from quality.statistics import rows_per_value

_TEXT, _MAYBE = Field(pl.String, pattern=".+"), Field(pl.String, nullable=True)
_SHARE = Field(pl.Float64, low=0, high=1, nullable=True)
_FIGURE = Field(pl.Float64, nullable=True)
_DAY = Field(pl.Float64, low=0, optional=True)


def _served(handles: Mapping[str, Any]) -> Mapping[str, Any]:
    from buddies_core.artifact.named_arrays import read_artifact

    stored = handles["served_songs"]
    home = Path(stored.folder).parents[2]
    return read_artifact(home / "songs" / stored.frame()["experiment"][0]).arrays


_FEATURES = TableSchema(
    {
        "feature": Field(pl.String, unique=True), "unit": _TEXT, "what": _TEXT, "where": _TEXT,
        "mean": Field(pl.Float64), "deviation": Field(pl.Float64, low=0),
        "missing": Field(pl.Float64, low=0, high=1), "importance": Field(pl.Float64, low=0, high=1),
    }
)  # fmt: skip


def _as_rows(dataset: Dataset, store: DatasetStore) -> Figures:
    """The whole of a small table, for the dashboard's page of songs."""
    return {"rows": dataset.frame().to_dicts()}


DATASETS = (
    DatasetSpec(
        "song_plays",
        schema=TableSchema(
            {"user": _TEXT, "song": _TEXT, "weight": Field(pl.Float64, low=0), "time": _DAY, "first": _DAY},
            ("user", "song"),
        ),
        inputs={"songs_told": part_of("song_plays", "told"), "songs_on_file": part_of("song_plays", "catalogue")},
        figures=rows_per_value(songs_per_listener="user", listeners_per_song="song"),
        drift={"songs_per_listener": "psi", "listeners_per_song": "jensen_shannon"},
        charts={
            "songs": Chart("songs_per_listener", "Songs per listener", "songs", "listeners"),
            "listeners": Chart("listeners_per_song", "Listeners per song", "listeners", "songs"),
        },
    ),
    DatasetSpec(
        "song_catalogue",
        schema=TableSchema(
            {
                "song": Field(pl.String, unique=True), "song_ids": Field(pl.List(pl.String)), "title": _MAYBE,
                "artist": _MAYBE, "release": _MAYBE, "year": Field(pl.UInt16, nullable=True),
                "mismatched": Field(pl.Boolean), "artist_key": _MAYBE, "title_key": _MAYBE, "text_key": _MAYBE,
                "track_uris": Field(pl.List(pl.String)), "listeners": Field(pl.UInt32, low=1),
                "plays": Field(pl.Float64, low=0), "playlists": Field(pl.UInt32, low=0),
            }
        ),
        fresh=True,
    ),
    DatasetSpec(
        "play_splits",
        schema=TableSchema(
            {"user": _TEXT, "song": _TEXT, "split": Field(pl.String, pattern="^(train|test|new)$")}, ("user", "song")
        ),
        fresh=True,
    ),
    *(
        DatasetSpec(
            slug,
            schema=TableSchema({"user": Field(pl.String, unique=True), "songs": Field(pl.List(pl.String))}),
            fresh=True,
            blocking=False,
        )
        for slug in SLUGS.values()
    ),
    DatasetSpec(
        "song_candidates",
        schema=TableSchema(
            {
                "source": Field(pl.String, unique=True), "listeners": Field(pl.Int64, low=0), "recall_100": _SHARE,
                "recall_500": _SHARE, "alone": _SHARE,
            }
        ),
        fresh=True,
        figures=_as_rows,
    ),
    DatasetSpec(
        "song_ranker",
        schema=TableSchema(
            {"ranker": Field(pl.String, unique=True), "map500": _SHARE, "served": Field(pl.Boolean)}
        ),
        fresh=True,
        inputs={"ranker_popularity": part_of("song_ranker", "popularity")},
    ),
    DatasetSpec("song_features", schema=_FEATURES, fresh=True),
    DatasetSpec(
        "song_evaluation",
        schema=TableSchema(
            {
                "system": _TEXT, "segment": _TEXT, "metric": _TEXT, "listeners": Field(pl.Int64, low=0),
                "value": Field(pl.Float64),
                **dict.fromkeys(("low", "high", "ahead", "ahead_low", "ahead_high"), _FIGURE),
            },
            ("system", "segment", "metric"),
        ),
        fresh=True,
        figures=_as_rows,
    ),
    DatasetSpec(
        "served_songs",
        schema=TableSchema(
            {
                "experiment": Field(pl.String, unique=True), "version": _TEXT,
                "users": Field(pl.Int64, low=1), "songs": Field(pl.Int64, low=1),
            }
        ),
        fresh=True,
        inputs={"song_arrays": Read(_served), "serving_features": part_of("served_songs", "features")},
    ),
)  # fmt: skip

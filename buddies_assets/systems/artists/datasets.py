"""What is told of the artists' datasets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quality.dataset_spec import Chart, DatasetSpec, Field, Read, TableSchema, arrays_of
from quality.statistics import rows_per_value

_TEXT, _FIGURE = Field(pl.String), Field(pl.Float64, nullable=True)
_WEIGHT = Field(pl.Float64, low=0)
_PAIR = {"user": _TEXT, "item": _TEXT}


def _lists(handles: Mapping[str, Any]) -> np.ndarray:
    from buddies_core.artifact.named_arrays import read_artifact

    stored = handles["served_artists"]
    home = Path(stored.folder).parents[2]
    return read_artifact(home / "artists" / stored.frame()["experiment"][0]).arrays["lists"]


DATASETS = (
    DatasetSpec(
        "artist_plays",
        schema=TableSchema({**_PAIR, "weight": _WEIGHT}, ("user", "item")),
        figures=rows_per_value(artists_per_listener="user", listeners_per_artist="item"),
        drift={"artists_per_listener": "psi", "listeners_per_artist": "jensen_shannon"},
        charts={
            "artists": Chart("artists_per_listener", "Artists per listener", "artists", "listeners"),
            "listeners": Chart("listeners_per_artist", "Listeners per artist", "listeners", "artists"),
        },
    ),
    DatasetSpec(
        "artist_splits",
        schema=TableSchema(
            {**_PAIR, "weight": _WEIGHT, "split": Field(pl.String, pattern="^(train|test)$")}, ("user", "item")
        ),
        fresh=True,
    ),
    DatasetSpec(
        "artist_search",
        schema=TableSchema(
            {
                "trial": Field(pl.Int64, low=0, unique=True),
                "ndcg": Field(pl.Float64, low=0, high=1, nullable=True),
                "seconds": Field(pl.Float64, low=0),
                "error": Field(pl.String, nullable=True),
                "config": Field(pl.String, nullable=True),
            },
            strict=False,
        ),
        fresh=True,
        blocking=False,
    ),
    DatasetSpec(
        "artist_model",
        schema=TableSchema({"model": _TEXT, "config": _TEXT}),
        fresh=True,
        inputs={"artist_arrays": Read(arrays_of("artist_model"))},
    ),
    DatasetSpec(
        "artist_evaluation",
        schema=TableSchema(
            {"system": _TEXT, "metric": _TEXT, "value": Field(pl.Float64), "low": _FIGURE, "high": _FIGURE},
            ("system", "metric"),
        ),
        fresh=True,
    ),
    DatasetSpec(
        "served_artists",
        schema=TableSchema(
            {
                "experiment": Field(pl.String, unique=True),
                "version": _TEXT,
                "users": Field(pl.Int64, low=1),
                "items": Field(pl.Int64, low=1),
            }
        ),
        fresh=True,
        inputs={"artist_lists": Read(_lists)},
    ),
)

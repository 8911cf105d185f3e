"""The datasets of playlists in order, and what the systems made from them are told of their evaluations and answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from quality.dataset_spec import Chart, DatasetSpec, Field, Figures, Read, TableSchema
from quality.statistics import rows_per_value

U32, TEXT = Field(pl.UInt32), Field(pl.String)
SHARE = Field(pl.Float64, low=0, high=1)
_PARTS = pl.Enum(("train", "validation", "test"))

SEQUENCES = (
    DatasetSpec(
        "playlist_sequences",
        schema=TableSchema({"pid": U32, "place": U32, "song": U32, "artist": U32}, ("pid", "place")),
        fresh=True,
        figures=rows_per_value(songs_per_sequence="pid"),
        drift={"songs_per_sequence": "psi"},
        charts={"sequences": Chart("songs_per_sequence", "Songs per playlist, each once", "songs", "playlists")},
    ),
    DatasetSpec(
        "sequence_splits",
        schema=TableSchema(
            {"pid": Field(pl.UInt32, unique=True), "content": Field(pl.UInt64), "split": Field(_PARTS)}, ("pid",)
        ),
        fresh=True,
    ),
)


def as_rows(dataset: Dataset, store: DatasetStore) -> Figures:
    """The whole of a small table, for the dashboard's page of playlists in order."""
    return {"rows": dataset.frame().to_dicts()}


def figures_schema(metrics: Mapping[str, Field]) -> TableSchema:
    """Columns of an evaluation: `model, kind, queries`, and each metric with its interval."""
    fields = {"model": TEXT, "kind": TEXT, "queries": Field(pl.Int64, low=0)}
    for name, field in metrics.items():
        fields |= {name: field, f"{name}_low": field, f"{name}_high": field}
    return TableSchema(fields, ("model", "kind"))


def published_schema() -> TableSchema:
    """Columns of what was published."""
    counts = {"songs": Field(pl.Int64, low=1), "playlists": Field(pl.Int64, low=1)}
    return TableSchema({"experiment": Field(pl.String, unique=True), "version": TEXT, **counts})


def last_figure(evaluation: str, task: str, name: str) -> Read:
    """A figure of the model that is served now; 0 where none is, or it names no such figure."""

    def read(handles: Mapping[str, Any]) -> float:
        from buddies_core.artifact.errors import NoServedModelError
        from buddies_core.artifact.named_arrays import read_artifact

        try:
            return read_artifact(_home(handles[evaluation]) / "sequences" / task).facts.get(name, 0.0)
        except NoServedModelError:
            return 0.0

    return Read(read)


def _home(dataset: Any) -> Path:
    return Path(dataset.folder).parents[2]

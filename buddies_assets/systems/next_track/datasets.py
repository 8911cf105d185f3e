"""What is told of the datasets of next track."""

import polars as pl

from buddies_assets.sources.sequence_datasets import (
    SHARE,
    TEXT,
    U32,
    as_rows,
    figures_schema,
    last_figure,
    published_schema,
)
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from quality.dataset_spec import DatasetSpec, Field, Figures, Parameter, Read, TableSchema, arrays_of, part_of

_WEIGHT, _TIMES = Field(pl.Float32, low=0), Field(pl.Int32, low=1)


def _agreement(dataset: Dataset, store: DatasetStore) -> Figures:
    """Neighbours of one genre, in the space and on the map; the same in every row."""
    first = dataset.frame(["in_space", "in_plane"]).head(1)
    return first.to_dicts()[0] if first.height else {}


DATASETS = (
    DatasetSpec(
        "song_successors",
        schema=TableSchema({"song": U32, "next": U32, "weight": _WEIGHT, "playlists": _TIMES}, ("song", "next")),
        fresh=True,
    ),
    DatasetSpec(
        "artist_transitions",
        schema=TableSchema({"artist": U32, "next": U32, "weight": _WEIGHT, "playlists": _TIMES}, ("artist", "next")),
        fresh=True,
    ),
    DatasetSpec(
        "track2vec_search",
        schema=TableSchema(
            {"number": Field(pl.Int64, low=0, unique=True), "cosine": SHARE, "in_out": SHARE, "config": TEXT}
        ),
        fresh=True,
        blocking=False,
    ),
    DatasetSpec(
        "track2vec",
        schema=TableSchema({"song": Field(pl.UInt32, unique=True), "playlists": U32}),
        fresh=True,
        inputs={"track2vec_vectors": Read(arrays_of("track2vec")), "track2vec_least": Parameter("least", 1)},
    ),
    DatasetSpec(
        "next_track_ranker",
        schema=TableSchema(
            {"task": TEXT, "songs": Field(pl.Int64, low=1), "playlists": Field(pl.Int64, low=1), "config": TEXT}
        ),
        fresh=True,
        inputs={"next_track_arrays": Read(arrays_of("next_track_ranker"))},
    ),
    DatasetSpec(
        "next_track_evaluation",
        schema=figures_schema({"hit@10": SHARE, "hit@100": SHARE, "mrr@100": SHARE}),
        fresh=True,
        figures=as_rows,
        inputs={"next_track_last": last_figure("next_track_evaluation", "next_track", "hit@100 random")},
    ),
    DatasetSpec(
        "track_index",
        schema=published_schema(),
        fresh=True,
        inputs={"next_track_answers": part_of("track_index", "answers")},
    ),
    DatasetSpec("genre_labels", schema=TableSchema({"song": Field(pl.UInt32, unique=True), "genre": TEXT}), fresh=True),
    DatasetSpec(
        "latent_map",
        schema=TableSchema(
            {
                "song": Field(pl.UInt32, unique=True),
                "x": Field(pl.Float32),
                "y": Field(pl.Float32),
                "genre": Field(pl.String, nullable=True),
                "in_space": Field(pl.Float64, nullable=True),
                "in_plane": Field(pl.Float64, nullable=True),
            }
        ),
        fresh=True,
        blocking=False,
        figures=_agreement,
    ),
)

"""What is told of the datasets of continuation."""

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
from quality.dataset_spec import DatasetSpec, Field, Read, TableSchema, arrays_of, part_of

_PARTS = pl.Enum(("train", "validation", "test"))
_NULLABLE = Field(pl.UInt32, nullable=True)

DATASETS = (
    DatasetSpec(
        "playlist_graph",
        schema=TableSchema({"playlist": U32, "song": U32}, ("playlist", "song")),
        fresh=True,
        inputs={"graph_by_song": Read(arrays_of("playlist_graph"))},
    ),
    DatasetSpec(
        "link_splits",
        schema=TableSchema(
            {
                "playlist": U32,
                "song": U32,
                "part": Field(_PARTS),
                "uniform": _NULLABLE,
                "matched": _NULLABLE,
                "degree": _NULLABLE,
            },
            ("playlist", "song"),
        ),
        fresh=True,
    ),
    DatasetSpec(
        "graphsage_checkpoint",
        schema=TableSchema(
            {
                "epoch": Field(pl.Int64, low=0, unique=True),
                "loss": Field(pl.Float64),
                **dict.fromkeys(("auc", "precision", "recall", "f1"), SHARE),
            }
        ),
        fresh=True,
        figures=as_rows,
        inputs={"graphsage_orders": part_of("graphsage_checkpoint", "orders")},
    ),
    DatasetSpec(
        "link_evaluation",
        schema=TableSchema({"system": TEXT, "auc": SHARE, "matched_auc": SHARE}, ("system",), strict=False),
        fresh=True,
        blocking=False,
    ),
    DatasetSpec(
        "title_neighbours",
        schema=TableSchema(
            {"word": Field(pl.String, unique=True), "playlists": U32, "near": Field(pl.List(pl.String))}
        ),
        fresh=True,
    ),
    DatasetSpec(
        "continuation_ranker",
        schema=TableSchema(
            {"task": TEXT, "songs": Field(pl.Int64, low=1), "playlists": Field(pl.Int64, low=1), "config": TEXT}
        ),
        fresh=True,
    ),
    DatasetSpec(
        "continuation_evaluation",
        schema=figures_schema(
            {
                "r_precision": SHARE,
                "r_precision_official": Field(pl.Float64, low=0, high=1.25),
                "ndcg@500": Field(pl.Float64, low=0, high=1.0001),
                "clicks": Field(pl.Float64, low=0, high=51),
                "recall@500": SHARE,
            }
        ),
        fresh=True,
        figures=as_rows,
        inputs={"continuation_last": last_figure("continuation_evaluation", "continuation", "ndcg@500")},
    ),
    DatasetSpec(
        "served_continuation",
        schema=published_schema(),
        fresh=True,
        inputs={"continuation_answers": part_of("served_continuation", "answers")},
    ),
)

"""What is told of what a model is taught and judged by, of the model, and of what it is worth."""

from collections.abc import Iterable

import polars as pl

from buddies_assets.systems.playlists import figures
from buddies_assets.systems.playlists.datasets.labels import PLAYLIST, SHARE, TEXT, USER
from buddies_assets.systems.playlists.readers import checkpoint_inputs
from buddies_core.settings import Settings
from quality.dataset_spec import (
    Chart,
    Counted,
    DatasetSpec,
    Field,
    Parameter,
    Read,
    Reader,
    TableSchema,
    rows_by,
)
from quality.rules.shapes import member_counts

_SCORED = ("mrr", "hit_1", "hit_5", "hit_10")
_MORE_FIGURES = tuple(
    f"{metric}{edge}" for metric in (*_SCORED, "ndcg_10", "recall_10", "matched_mrr") for edge in ("", "_low", "_high")
)
_WHOLE_CATALOGUE = ("all_ndcg_10", "all_recall_10", "coverage", "novelty")
_TIES_AND_TWINS = ("ties", "twins", "twin_mrr", "other_mrr")
_OF_LISTS = ("reach", "recall", "mrr", "hit_1", "hit_5", "hit_10", "ndcg_10", "precision_5", "coverage", "similarity")
_AS_SERVED = (*(f"served_{metric}" for metric in _OF_LISTS), "shown_precision_5")
_FIGURE = Field(pl.Float64, nullable=True, optional=True)
_COUNTED = Field(pl.Int64, low=0, optional=True)
_BLOCK = {"user": USER, "positive": PLAYLIST}
_SETTINGS = Settings.model_fields
VERSION = Field(TEXT, optional=True)


def _negatives(batches: pl.DataFrame) -> pl.DataFrame:
    return member_counts(batches, "negatives", "playlist", "times")


def _batches(split: str) -> DatasetSpec:
    """The evaluation batches of a split: a positive and negatives of nobody's liking."""
    return DatasetSpec(
        f"{split}_batches",
        schema=TableSchema({**_BLOCK, "negatives": Field(pl.Array(pl.UInt32, 50))}, ("user", "positive")),
        judged_by="user",
        in_ranges=True,
        fresh=True,
        inputs={
            f"{split}_negatives": Counted(("negatives",), "playlist", _negatives),
            f"{split}_batch_negatives": Parameter("batch_negatives", _SETTINGS["batch_negatives"].default),
        },
    )


def _optional(names: Iterable[str], field: Field = _FIGURE) -> dict[str, Field]:
    return dict.fromkeys(names, field)


DATASETS = (
    DatasetSpec(
        "user_blocks",
        schema=TableSchema({**_BLOCK, "negatives": Field(pl.Array(pl.UInt32, 4))}, ("user", "positive")),
        judged_by="user",
        in_ranges=True,
        fresh=True,
        figures=figures.user_blocks,
        drift={"per_user": "psi"},
        charts={"blocks": Chart("per_user", "User-blocks per user", "blocks", "users")},
        inputs={
            "blocks_per_user": rows_by("user", "blocks"),
            "block_negatives": Parameter("negatives", _SETTINGS["negatives"].default),
        },
    ),
    DatasetSpec(
        "triplets",
        schema=TableSchema({**_BLOCK, "negative": PLAYLIST}),
        judged_by="user",
        figures=figures.triplets,
        charts={"triplets": Chart("per_user", "Triplets per user", "triplets", "users")},
    ),
    _batches("validation"),
    _batches("test"),
    DatasetSpec(
        "taste_positives",
        schema=TableSchema(
            {"user": USER, "positive": PLAYLIST, "gain": Field(pl.Float32, low=0), "cold": Field(pl.Boolean)},
            ("user", "positive"),
        ),
        judged_by="user",
        in_ranges=True,
        fresh=True,
    ),
    DatasetSpec(
        "als_factors",
        schema=TableSchema(
            {
                "side": Field(TEXT, unique=True, pattern="^(users|playlists)$"),
                "rows": Field(pl.Int64, low=1),
                "root_mean_square_length": Field(pl.Float64, low=0, high=1e6),
            }
        ),
        inputs={
            "als_users": Read(lambda handles: handles["als_factors"].array("users")),
            "als_playlists": Read(lambda handles: handles["als_factors"].array("playlists")),
        },
    ),
    DatasetSpec(
        "bpr_search",
        schema=TableSchema(
            {
                "trial": Field(TEXT, unique=True),
                "mrr": Field(pl.Float64, nullable=True),
                "state": Field(TEXT),
                "epochs": Field(pl.Int64, low=0),
                "seconds": Field(pl.Float64, low=0),
                "dimension": Field(pl.Int64, low=1),
                "batch_size": Field(pl.Int64, low=1),
                "learning_rate": Field(pl.Float64, low=0),
                **_optional(("decay", "l2")),
                **_optional(("negatives", "backend", "start"), Field(TEXT, nullable=True, optional=True)),
                "item_bias": Field(pl.Boolean, nullable=True, optional=True),
            },
            strict=False,
        ),
        blocking=False,
    ),
    DatasetSpec(
        "bpr_checkpoint",
        reader=Reader(checkpoint_inputs, after=("triplets", "taste_positives", "user_library", "playlist_library")),
        gate=True,
    ),
    DatasetSpec(
        "bpr_evaluation",
        schema=TableSchema(
            {
                **_optional((*_MORE_FIGURES, *_WHOLE_CATALOGUE, *_TIES_AND_TWINS, *_AS_SERVED)),
                "system": Field(TEXT),
                "split": Field(TEXT),
                "users": _COUNTED,
                "batches": _COUNTED,
                **dict.fromkeys(_SCORED, SHARE),
                "version": VERSION,
            },
            ("system", "split"),
            strict=False,
        ),
        gate=True,
    ),
    DatasetSpec(
        "cold_user_evaluation",
        schema=TableSchema(
            {
                **_optional(_MORE_FIGURES),
                "system": Field(TEXT),
                "known_songs": Field(pl.Int64, low=0, nullable=True),
                "listeners": Field(pl.Int64, low=0, nullable=True, optional=True),
                **_optional(("precision", "precision_gain", "precision_gain_low", "precision_gain_high")),
                "users": _COUNTED,
                "bags": _COUNTED,
                **dict.fromkeys(_SCORED, SHARE),
                "version": VERSION,
            },
            ("system", "known_songs"),
            strict=False,
        ),
        blocking=False,
    ),
)

"""What is told of feedback: sessions as they come, their days as blocks, and the window that is trained on."""

from datetime import UTC, datetime, timedelta

import polars as pl

from buddies_assets.feedback.readers import feedback_block_inputs, feedback_inputs, quarantined_feedback_inputs
from quality.dataset_spec import DatasetSpec, Derived, Field, Read, Reader, TableSchema

_LIST = Field(pl.List(pl.UInt32))
_BLOCK = {"user": Field(pl.UInt32, "users"), "positive": Field(pl.UInt32, "playlists")}


def _exploded_sessions(user_feedback: pl.DataFrame) -> pl.DataFrame:
    scored = user_feedback.with_row_index("session").explode("shown").rename({"shown": "playlist_id"})
    return scored.select(
        "created_at",
        "session",
        "user_id",
        "playlist_id",
        (pl.col("playlist_id") == pl.col("liked")).fill_null(False).cast(pl.Int8).alias("score"),
    )


DATASETS = (
    DatasetSpec(
        "user_feedback",
        reader=Reader(feedback_inputs, after=("user_library", "playlist_library")),
        inputs={"feedback_scores": Derived(("user_feedback",), _exploded_sessions)},
        follows=("served_model",),
    ),
    DatasetSpec(
        "feedback_blocks",
        schema=TableSchema({**_BLOCK, "negatives": _LIST}, strict=False),
        reader=Reader(
            feedback_block_inputs,
            after=("user_library", "playlist_library", "playlist_ownership", "splits", "cold_users"),
        ),
        max_age=timedelta(days=2),
    ),
    DatasetSpec(
        "quarantined_feedback",
        schema=TableSchema({"reason": Field(pl.String)}, strict=False),
        reader=Reader(quarantined_feedback_inputs),
    ),
    DatasetSpec(
        "training_window",
        schema=TableSchema(
            {
                "session_id": Field(pl.String, unique=True),
                "created_at": Field(pl.Datetime("us", "UTC")),
                **_BLOCK,
                "negatives": _LIST,
                "split": Field(pl.String, pattern="^(train|validation|test)$"),
                "model_version": Field(pl.String, optional=True),
                "copies": Field(pl.UInt8),
            },
            strict=False,
        ),
        max_age=timedelta(days=14),
        inputs={
            "window_from": Read(
                lambda handles: datetime.fromisoformat(handles["training_window"].manifest.params["from"]).replace(
                    tzinfo=UTC
                )
            )
        },
    ),
)

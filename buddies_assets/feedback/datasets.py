"""What is told of feedback: sessions as they come, their days as blocks, and the window that is trained on."""

from datetime import UTC, datetime, timedelta

import polars as pl

from buddies_assets.feedback.readers import (
    event_day_inputs,
    event_inputs,
    feedback_block_inputs,
    feedback_inputs,
    quarantined_event_inputs,
    quarantined_feedback_inputs,
)
from quality.dataset_spec import DatasetSpec, Derived, Field, Read, Reader, TableSchema

_HEX = "^[0-9a-f]{40}$"
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
    DatasetSpec("listener_events", reader=Reader(event_inputs), follows=("served_model",)),
    DatasetSpec(
        "listener_event_days",
        schema=TableSchema(
            {
                "event_id": Field(pl.String, unique=True),
                "created_at": Field(pl.Datetime("us", "UTC")),
                "user_key": Field(pl.String, pattern=_HEX),
                "kind": Field(pl.String, pattern="^(play|skip|save|like)$"),
                "song_id": Field(pl.String, nullable=True),
                "song_key": Field(pl.String, nullable=True),
                "pid": Field(pl.Int64, low=0, nullable=True),
                "seconds": Field(pl.Float64, low=0, high=86_400, nullable=True),
                "share": Field(pl.Float64, low=0, high=1, nullable=True),
                "grade": Field(pl.Float64, low=0, high=1),
            },
            strict=False,
        ),
        reader=Reader(event_day_inputs),
        max_age=timedelta(days=2),
    ),
    DatasetSpec(
        "quarantined_events",
        schema=TableSchema({"reason": Field(pl.String)}, strict=False),
        reader=Reader(quarantined_event_inputs),
    ),
    DatasetSpec(
        "listener_plays",
        schema=TableSchema(
            {
                "user_id": Field(pl.String, pattern=_HEX),
                "song_id": Field(pl.String, nullable=True),
                "song_key": Field(pl.String, nullable=True),
                "plays": Field(pl.UInt32, low=1),
                "grade": Field(pl.Float64, low=0, high=1),
                "last": Field(pl.Datetime("us", "UTC")),
            },
            ("user_id", "song_id", "song_key"),
        ),
        inputs={
            "event_senders": Read(lambda handles: handles["listener_plays"].part("listeners")),
        },
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

"""Columns, types, ranges and keys of every table of the project, as data; `quality/schemas.py` makes Pandera of them.

Foreign keys are ranges: an index must lie below the number of rows of the table it points into.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Field:
    """One column: its polars type, the index it points into, its range, whether it may be null or repeat.

    `optional` columns may be absent; `pattern` is a regular expression for text.
    """

    dtype: Any
    index: str | None = None
    low: float | None = None
    high: float | None = None
    nullable: bool = False
    unique: bool = False
    optional: bool = False
    pattern: str | None = None


@dataclass(frozen=True)
class TableSchema:
    """Columns of a dataset, the columns that together are its key, and whether other columns are forbidden."""

    fields: dict[str, Field]
    key: tuple[str, ...] = ()
    strict: bool = True


_U32, _F64, _F32, _STR, _BOOL = pl.UInt32, pl.Float64, pl.Float32, pl.String, pl.Boolean
_USER, _PLAYLIST = Field(_U32, "users"), Field(_U32, "playlists")
_LIST = Field(pl.List(pl.UInt32))
_COUNT = Field(_U32, nullable=True, optional=True)
_SHARE = Field(_F64, low=0, high=1)
_BLOCK = {"user": _USER, "positive": _PLAYLIST}
_SCORED = ("mrr", "hit_1", "hit_5", "hit_10")
_MORE_FIGURES = tuple(
    f"{metric}{edge}" for metric in (*_SCORED, "ndcg_10", "recall_10", "matched_mrr") for edge in ("", "_low", "_high")
)
_WHOLE_CATALOGUE = ("all_ndcg_10", "all_recall_10", "coverage", "novelty")
_TIES_AND_TWINS = ("ties", "twins", "twin_mrr", "other_mrr")
_OF_LISTS = ("reach", "mrr", "hit_1", "hit_5", "hit_10", "ndcg_10", "precision_5", "coverage", "similarity")
_AS_SERVED = tuple(f"served_{metric}" for metric in _OF_LISTS)
_FIGURE = Field(_F64, nullable=True, optional=True)
_BY_LISTENERS = ("precision", "hits", "any", "common", "shorter")
_COUNTED = Field(pl.Int64, low=0, optional=True)
_VERSION = Field(_STR, optional=True)

SCHEMAS: dict[str, TableSchema] = {
    "mpd_playlists": TableSchema(
        {
            "pid": Field(_U32, unique=True),
            "name": Field(_STR),
            "description": Field(_STR, nullable=True, optional=True),
            "collaborative": Field(_BOOL, nullable=True),
            "modified_at": Field(pl.Int64, nullable=True),
            **{f"num_{c}": _COUNT for c in ("tracks", "albums", "artists", "followers", "edits")},
            "duration_ms": Field(pl.Int64, low=0, nullable=True),
            "tracks": Field(_U32),
        },
        ("pid",),
    ),
    "mpd_tracks": TableSchema(
        {
            "pid": Field(_U32),
            "pos": Field(_U32, high=100_000),
            "track_uri": Field(_STR),
            "track_name": Field(_STR),
            "artist_name": Field(_STR),
        },
        ("pid", "pos"),
    ),
    "entp_plays": TableSchema(
        {"user_id": Field(_STR), "song_id": Field(_STR), "plays": Field(_U32, low=1)}, ("user_id", "song_id")
    ),
    "msd_songs": TableSchema(
        {
            "song_id": Field(_STR),
            "title": Field(_STR),
            "artist": Field(_STR),
            "release": Field(_STR, nullable=True),
            "year": Field(pl.UInt16, high=2030, nullable=True),
            "mismatched": Field(_BOOL),
        }
    ),
    "quarantined_raw": TableSchema(
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
    "songs": TableSchema(
        {
            "song": Field(_U32, unique=True),
            "key": Field(_STR, unique=True),
            "title": Field(_STR),
            "artist": Field(_STR),
            "song_ids": Field(pl.List(pl.String)),
            "track_uris": Field(pl.List(pl.String)),
        }
    ),
    "exploration_coefficients": TableSchema({"user": Field(_U32, "users", unique=True), "exploration": _SHARE}),
    "scores": TableSchema(
        {
            "user": Field(_U32, "users", unique=True),
            "songs": Field(_U32),
            "pairs": Field(_U32, index="playlists_inclusive"),
            "exploration": _SHARE,
            **{
                f: Field(_F64, low=0, nullable=True)
                for f in ("liked_cut", "hard_cut", "score_min", "score_median", "score_max")
            },
            "liked": _LIST,
            "liked_matches": Field(pl.List(pl.UInt16)),
            "liked_scores": Field(pl.List(pl.Float32)),
            "hard": _LIST,
            "easy": _LIST,
        },
        strict=False,
    ),
    "liked_playlists": TableSchema(
        {
            "user": _USER,
            "playlist": _PLAYLIST,
            "rank": Field(_U32, index="playlists_inclusive"),
            "matches": Field(pl.UInt16, low=1),
            "score": Field(_F32, low=0),
        },
        ("user", "playlist"),
    ),
    "cold_users": TableSchema(
        {
            "user": Field(_U32, "users", unique=True),
            "number": Field(_U32, unique=True),
            "user_id": Field(_STR, unique=True, pattern=r"^[0-9a-f]{40}$"),
            "songs": Field(_U32, low=1),
            "liked": Field(_U32),
        }
    ),
    "splits": TableSchema(
        {
            "user": _USER,
            "playlist": _PLAYLIST,
            "split": Field(pl.Enum(["train", "validation", "test"])),
            "score": Field(_F32, low=0),
        },
        ("user", "playlist"),
    ),
    "playlist_ownership": TableSchema(
        {
            "playlist": Field(_U32, "playlists", unique=True),
            "owner": _USER,
            "priority": Field(_F64, low=0),
            "likers": Field(_U32, index="users_inclusive"),
        }
    ),
    "user_blocks": TableSchema({**_BLOCK, "negatives": Field(pl.Array(pl.UInt32, 4))}, ("user", "positive")),
    "triplets": TableSchema({**_BLOCK, "negative": _PLAYLIST}),
    "validation_batches": TableSchema({**_BLOCK, "negatives": Field(pl.Array(pl.UInt32, 50))}, ("user", "positive")),
    "test_batches": TableSchema({**_BLOCK, "negatives": Field(pl.Array(pl.UInt32, 50))}, ("user", "positive")),
    "user_pairings": TableSchema(
        {
            "user": _USER,
            "rank": Field(_U32, high=1_000),
            "neighbour": _USER,
            "similarity": Field(_F32, low=0, high=1.000001),
            "shared": Field(_U32, low=1),
        },
        ("user", "neighbour"),
    ),
    "candidates": TableSchema({"user": Field(_U32, "users", unique=True), "playlists": _LIST}),
    "bpr_evaluation": TableSchema(
        {
            **dict.fromkeys((*_MORE_FIGURES, *_WHOLE_CATALOGUE, *_TIES_AND_TWINS, *_AS_SERVED), _FIGURE),
            "system": Field(_STR),
            "split": Field(_STR),
            "users": _COUNTED,
            "batches": _COUNTED,
            **dict.fromkeys(_SCORED, _SHARE),
            "version": _VERSION,
        },
        ("system", "split"),
        strict=False,
    ),
    "cold_user_evaluation": TableSchema(
        {
            **dict.fromkeys(_MORE_FIGURES, _FIGURE),
            "system": Field(_STR),
            "known_songs": Field(pl.Int64, low=0, nullable=True),
            "users": _COUNTED,
            "bags": _COUNTED,
            **dict.fromkeys(_SCORED, _SHARE),
            "version": _VERSION,
        },
        ("system", "known_songs"),
        strict=False,
    ),
    "als_factors": TableSchema(
        {
            "side": Field(_STR, unique=True, pattern="^(users|playlists)$"),
            "rows": Field(pl.Int64, low=1),
            "root_mean_square_length": Field(_F64, low=0, high=1e6),
        }
    ),
    "bpr_search": TableSchema(
        {
            "trial": Field(_STR, unique=True),
            "mrr": Field(_F64, nullable=True),
            "state": Field(_STR),
            "epochs": Field(pl.Int64, low=0),
            "seconds": Field(_F64, low=0),
            "dimension": Field(pl.Int64, low=1),
            "batch_size": Field(pl.Int64, low=1),
            "learning_rate": Field(_F64, low=0),
            **{name: Field(_F64, nullable=True, optional=True) for name in ("decay", "l2")},
            **{name: Field(_STR, nullable=True, optional=True) for name in ("negatives", "backend", "start")},
            "item_bias": Field(_BOOL, nullable=True, optional=True),
        },
        strict=False,
    ),
    "hidden_plays": TableSchema({"user_id": Field(_STR), "song_id": Field(_STR)}, ("user_id", "song_id")),
    "listener_evaluation": TableSchema(
        {
            "system": Field(_STR, unique=True),
            **{f"{m}{end}": Field(_F64, low=0) for m in _BY_LISTENERS for end in ("", "_low", "_high")},
            "listeners": Field(_U32),
            "version": _VERSION,
            "ranking": Field(_STR, pattern="^(taste|reference)$"),
            "positives": Field(_STR, pattern="^(taste|likes)$", optional=True),
        }
    ),
    "song_taste": TableSchema({"source": Field(_STR, unique=True), "weight": Field(_F64, low=0)}),
    "taste_candidates": TableSchema(
        {"user": Field(_U32, "users", unique=True), "playlists": _LIST, "scores": Field(pl.List(pl.Float32))}
    ),
    "taste_positives": TableSchema(
        {
            "user": Field(_U32, "users"),
            "positive": _PLAYLIST,
            "gain": Field(pl.Float32, low=0),
            "cold": Field(_BOOL),
        },
        ("user", "positive"),
    ),
    "ranked_candidates": TableSchema(
        {"user": Field(_U32, "users", unique=True), "playlists": _LIST, "scores": Field(pl.List(pl.Float32))}
    ),
    "served_model": TableSchema(
        {
            "array": Field(_STR, unique=True, pattern="^[a-z_]+$"),
            "dtype": Field(_STR),
            "rows": Field(pl.Int64, low=0),
            "expected_dtype": Field(_STR),
            "expected_rows": Field(pl.Int64, low=0),
        }
    ),
    "daily_recommendations": TableSchema(
        {"user_id": Field(pl.Int64, "numbers", low=0, unique=True), "playlists": Field(pl.List(pl.Int64))}
    ),
    "feedback_blocks": TableSchema({**_BLOCK, "negatives": _LIST}, strict=False),
    "training_window": TableSchema(
        {
            "session_id": Field(_STR, unique=True),
            "created_at": Field(pl.Datetime("us", "UTC")),
            **_BLOCK,
            "negatives": _LIST,
            "split": Field(_STR, pattern="^(train|validation|test)$"),
            "model_version": _VERSION,
            "copies": Field(pl.UInt8),
        },
        strict=False,
    ),
    "quarantined_feedback": TableSchema({"reason": Field(_STR)}, strict=False),
}

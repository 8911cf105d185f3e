"""What is told of what listeners get: the taste that ranks, the ranking, the served version, the daily file."""

from datetime import timedelta

import polars as pl

from buddies_assets.systems.playlists import figures
from buddies_assets.systems.playlists.datasets.labels import LIST, ONE_USER, TEXT
from buddies_assets.systems.playlists.datasets.training import VERSION
from buddies_assets.systems.playlists.rules.models import SHOWN
from buddies_assets.systems.playlists.served_readers import daily_inputs, served_model_inputs
from quality.dataset_spec import Counted, DatasetSpec, Field, Reader, TableSchema
from quality.rules.shapes import as_lists, member_counts

_BY_LISTENERS = ("precision", "hits", "any", "common", "shorter")
_WITH_SCORES = TableSchema({"user": ONE_USER, "playlists": LIST, "scores": Field(pl.List(pl.Float32))})


def _places(ranked_candidates: pl.DataFrame) -> pl.DataFrame:
    ranked = as_lists(ranked_candidates.select("playlists"), "playlists")
    first = ranked.select(pl.col("playlists").list.head(SHOWN))
    offered, shown = (
        member_counts(lists, "playlists", "playlist", name) for lists, name in ((ranked, "offered"), (first, "shown"))
    )
    return offered.join(shown, on="playlist", how="left").with_columns(pl.col("shown").fill_null(0))


DATASETS = (
    DatasetSpec(
        "song_taste",
        schema=TableSchema({"source": Field(TEXT, unique=True), "weight": Field(pl.Float64, low=0)}),
        fresh=True,
    ),
    DatasetSpec("taste_candidates", schema=_WITH_SCORES, judged_by="user", in_ranges=True, fresh=True),
    DatasetSpec(
        "ranked_candidates",
        schema=_WITH_SCORES,
        judged_by="user",
        in_ranges=True,
        fresh=True,
        figures=figures.ranked,
        drift={"recommended_popularity": "jensen_shannon", "times_shown": "jensen_shannon"},
        max_age=timedelta(days=14),
        gate=True,
        inputs={"places_by_playlist": Counted(("playlists",), "playlist", _places)},
    ),
    DatasetSpec(
        "listener_evaluation",
        schema=TableSchema(
            {
                "system": Field(TEXT, unique=True),
                **{f"{m}{end}": Field(pl.Float64, low=0) for m in _BY_LISTENERS for end in ("", "_low", "_high")},
                "listeners": Field(pl.UInt32),
                "version": VERSION,
                "ranking": Field(TEXT, pattern="^(taste|reference)$"),
                "positives": Field(TEXT, pattern="^(taste|likes)$", optional=True),
            }
        ),
        gate=True,
    ),
    DatasetSpec(
        "served_model",
        schema=TableSchema(
            {
                "array": Field(TEXT, unique=True, pattern="^[a-z_]+$"),
                "dtype": Field(TEXT),
                "rows": Field(pl.Int64, low=0),
                "expected_dtype": Field(TEXT),
                "expected_rows": Field(pl.Int64, low=0),
            }
        ),
        reader=Reader(served_model_inputs, after=("ranked_candidates", "user_library", "playlist_library", "songs")),
        max_age=timedelta(days=14),
        gate=True,
    ),
    DatasetSpec(
        "daily_recommendations",
        schema=TableSchema(
            {"user_id": Field(pl.Int64, "numbers", low=0, unique=True), "playlists": Field(pl.List(pl.Int64))}
        ),
        reader=Reader(daily_inputs, after=("served_model", "user_library", "playlist_library")),
    ),
)

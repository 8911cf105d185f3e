"""What is told of the labels: exploration, scores, likes, splits, owners, neighbours and the candidates drawn."""

from datetime import timedelta

import polars as pl

from buddies_assets.systems.playlists import figures
from buddies_core.settings import Settings
from quality.check_inputs import shards_of
from quality.dataset_spec import (
    Chart,
    Counted,
    DatasetSpec,
    Derived,
    Field,
    Parameter,
    Read,
    TableSchema,
    rows_by,
)
from quality.statistics import row_count

U32, TEXT = pl.UInt32, pl.String
USER, PLAYLIST = Field(U32, "users"), Field(U32, "playlists")
LIST = Field(pl.List(pl.UInt32))
SHARE = Field(pl.Float64, low=0, high=1)
ONE_USER = Field(U32, "users", unique=True)
SPLITS = ("train", "validation", "test")


def likes_by_split(splits: pl.DataFrame) -> pl.DataFrame:
    """Likes of each user, in all and in each split."""
    named = pl.col("split").cast(pl.String)
    return splits.group_by("user").agg(pl.len().alias("likes"), *((named == s).sum().alias(s) for s in SPLITS))


def count_likers(scores: pl.DataFrame) -> int:
    """Users of some rows of `scores` who like anything."""
    return int((scores["liked"].list.len() > 0).sum())


DATASETS = (
    DatasetSpec(
        "exploration_coefficients",
        schema=TableSchema({"user": ONE_USER, "exploration": SHARE}),
        in_ranges=True,
        fresh=True,
        figures=figures.exploration,
        drift={"coefficients": "kolmogorov_smirnov"},
        charts={"exploration": Chart("coefficients", "Exploration coefficients", "coefficient", "users")},
    ),
    DatasetSpec(
        "scores",
        schema=TableSchema(
            {
                "user": ONE_USER,
                "songs": Field(U32),
                "pairs": Field(U32, index="playlists_inclusive"),
                "exploration": SHARE,
                **{
                    f: Field(pl.Float64, low=0, nullable=True)
                    for f in ("liked_cut", "hard_cut", "score_min", "score_median", "score_max")
                },
                "liked": LIST,
                "liked_matches": Field(pl.List(pl.UInt16)),
                "liked_scores": Field(pl.List(pl.Float32)),
                "hard": LIST,
                "easy": LIST,
            },
            strict=False,
        ),
        judged_by="user",
        in_ranges=True,
        fresh=True,
        nulls=True,
        inputs={
            "n_likers": Read(
                lambda handles: sum(count_likers(shard) for shard in shards_of(handles["scores"], ["liked"])),
                of_frames=Derived(("scores",), count_likers),
            )
        },
    ),
    DatasetSpec(
        "liked_playlists",
        schema=TableSchema(
            {
                "user": USER,
                "playlist": PLAYLIST,
                "rank": Field(U32, index="playlists_inclusive"),
                "matches": Field(pl.UInt16, low=1),
                "score": Field(pl.Float32, low=0),
            },
            ("user", "playlist"),
        ),
        judged_by="user",
        in_ranges=True,
        fresh=True,
        figures=figures.liked_playlists,
        drift={"per_user": "psi"},
        charts={"liked": Chart("per_user", "Liked playlists per user", "liked playlists", "users")},
        inputs={"liked_counts": rows_by("playlist", "likers")},
    ),
    DatasetSpec(
        "cold_users",
        schema=TableSchema(
            {
                "user": ONE_USER,
                "number": Field(U32, unique=True),
                "user_id": Field(TEXT, unique=True, pattern=r"^[0-9a-f]{40}$"),
                "songs": Field(U32, low=1),
                "liked": Field(U32),
            }
        ),
        fresh=True,
        figures=row_count,
    ),
    DatasetSpec(
        "splits",
        schema=TableSchema(
            {
                "user": USER,
                "playlist": PLAYLIST,
                "split": Field(pl.Enum(SPLITS)),
                "score": Field(pl.Float32, low=0),
            },
            ("user", "playlist"),
        ),
        judged_by="user",
        cut_by=("playlist",),
        in_ranges=True,
        fresh=True,
        inputs={
            "likes_by_split": Counted(("user", "split"), "user", likes_by_split),
        },
    ),
    DatasetSpec(
        "playlist_ownership",
        schema=TableSchema(
            {
                "playlist": Field(U32, "playlists", unique=True),
                "owner": USER,
                "priority": Field(pl.Float64, low=0),
                "likers": Field(U32, index="users_inclusive"),
            }
        ),
        judged_by="playlist",
        fresh=True,
        figures=figures.ownership,
        drift={"per_owner": "jensen_shannon"},
        charts={"owned": Chart("per_owner", "Playlists per owner", "playlists owned", "owners")},
        inputs={
            "owned_counts": rows_by("owner", "owned"),
            "owners_of_playlists": rows_by("playlist", "owners"),
            "ownership_cap": Parameter("ownership_cap", Settings.model_fields["ownership_cap"].default),
            "unownable": Parameter("unownable", 0),
        },
    ),
    DatasetSpec(
        "user_pairings",
        schema=TableSchema(
            {
                "user": USER,
                "rank": Field(U32, high=1_000),
                "neighbour": USER,
                "similarity": Field(pl.Float32, low=0, high=1.000001),
                "shared": Field(U32, low=1),
            },
            ("user", "neighbour"),
        ),
        judged_by="user",
        in_ranges=True,
        fresh=True,
        figures=figures.pairings,
        drift={"per_user": "psi", "popularity": "jensen_shannon"},
        charts={
            "neighbours": Chart("per_user", "Neighbours per user", "neighbours", "users"),
            "popularity": Chart("popularity", "User popularity", "times chosen as a neighbour", "users"),
            "reachable": Chart("reachable", "Playlists reachable", "playlists of neighbours", "users"),
        },
        inputs={"nearest_are_shuffled": Parameter("shuffle_nearest", Settings.model_fields["shuffle_nearest"].default)},
    ),
    DatasetSpec(
        "candidates",
        schema=TableSchema({"user": ONE_USER, "playlists": LIST}),
        judged_by="user",
        in_ranges=True,
        fresh=True,
        figures=figures.candidates,
        drift={"per_user": "jensen_shannon"},
        max_age=timedelta(days=14),
        inputs={"most_candidates": Parameter("most", Settings.model_fields["candidates"].default)},
    ),
)

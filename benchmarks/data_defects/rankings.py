"""Defects of what the taste of songs chooses and the model ranks."""

from collections.abc import Callable
from typing import Any

import polars as pl

from benchmarks.data_defects.planting import Defect, Plant, World, cell, column, with_members


def _ranked(column: str, change: Callable[[list[Any]], list[Any]], name: str = "ranked_candidates") -> Plant:
    def plant(world: World) -> dict[str, Any]:
        ranked = world[name]
        row = next(i for i, members in enumerate(ranked["playlists"].to_list()) if len(members) > 3)
        return {name: with_members(ranked, column, change, row)}

    return plant


def _own_playlist_of_taste(world: World) -> dict[str, Any]:
    playlist, owner = world["playlist_ownership"].select("playlist", "owner").row(0)
    row = {"user": [owner], "playlists": [[playlist]], "scores": [[1.0]]}
    lists = world["taste_candidates"].filter(pl.col("user") != owner)
    return {"taste_candidates": pl.concat([lists, pl.DataFrame(row, schema=lists.schema)])}


def _own_playlist_taught(world: World) -> dict[str, Any]:
    positives = world["taste_positives"]
    owned = world["playlist_ownership"].filter(pl.col("owner").is_in(positives["user"].implode()))
    playlist, owner = owned.select("playlist", "owner").row(0)
    row = positives.filter(pl.col("user") == owner)[-1].with_columns(positive=pl.lit(playlist, pl.UInt32))
    return {"taste_positives": pl.concat([positives, row]).sort("user", maintain_order=True)}


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "an own playlist chosen by taste",
        "taste_candidates.taste_offers_nothing_that_the_user_owns",
        _own_playlist_of_taste,
    ),
    Defect(
        "a playlist chosen by taste that does not exist",
        "taste_candidates.taste_offers_playlists_that_exist",
        _ranked("playlists", lambda m: [*m[:-1], 10**6], "taste_candidates"),
    ),
    Defect(
        "the least of taste first",
        "taste_candidates.gains_of_taste_never_rise",
        _ranked("scores", lambda m: m[::-1], "taste_candidates"),
    ),
    Defect(
        "an own playlist taught",
        "taste_positives.nobody_is_taught_a_playlist_of_their_own",
        _own_playlist_taught,
    ),
    Defect(
        "a cold user taught",
        "taste_positives.cold_users_are_not_taught",
        column("taste_positives", cold=False),
    ),
    Defect(
        "the least gain first",
        "taste_positives.positives_are_best_first",
        lambda w: {"taste_positives": w["taste_positives"].reverse().sort("user", maintain_order=True)},
    ),
    Defect(
        "a taste that learns nothing from plays",
        "song_taste.taste_learns_from_plays",
        cell("song_taste", weight=0.0),
    ),
    Defect("worst candidate first", "ranked_candidates.ranked_scores_fall", _ranked("scores", lambda m: m[::-1])),
    Defect(
        "a NaN ranked",
        "ranked_candidates.ranked_scores_are_finite",
        _ranked("scores", lambda m: [float("nan"), *m[1:]]),
    ),
    Defect(
        "a playlist ranked that was no candidate",
        "ranked_candidates.ranked_playlists_are_candidates",
        _ranked("playlists", lambda m: [next(p for p in range(9999) if p not in m), *m[1:]]),
    ),
    Defect(
        "a playlist ranked without a score",
        "ranked_candidates.ranked_lists_are_as_long_as_their_scores",
        _ranked("scores", lambda m: m[:-1]),
    ),
    Defect(
        "a playlist ranked twice",
        "ranked_candidates.ranked_playlists_are_distinct",
        _ranked("playlists", lambda m: [m[0], m[0], *m[2:]]),
    ),
)

"""Defects of the artists system."""

from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.planting import Defect, Plant, World, again, cell, cell_where, column, extended, lost


def _figure(system: str, metric: str, value: float) -> Plant:
    return cell_where("artist_evaluation", (pl.col("system") == system) & (pl.col("metric") == metric), value=value)


def _diverged(world: World) -> dict[str, Any]:
    weights = world["artist_arrays"]["weights"].copy()
    weights[3, 4] = np.nan
    return {"artist_arrays": {**world["artist_arrays"], "weights": weights}}


def _listed_twice(world: World) -> dict[str, Any]:
    lists = world["artist_lists"].copy()
    lists[5, 1] = lists[5, 0]
    return {"artist_lists": lists}


def _nobody_offered(world: World) -> dict[str, Any]:
    lists = world["artist_lists"].copy()
    lists[7] = -1
    return {"artist_lists": lists}


DEFECTS: tuple[Defect, ...] = (
    Defect("plays of no weight", "artist_plays.weights_are_finite_and_positive", cell("artist_plays", weight=0.0)),
    Defect(
        "plays of a weight that is no number",
        "artist_plays.weights_are_finite_and_positive",
        cell("artist_plays", weight=float("nan")),
    ),
    Defect("an artist without id", "artist_plays.ids_are_never_empty", cell("artist_plays", item="")),
    Defect("a play stored twice", "artist_plays.matches_its_schema", again("artist_plays")),
    Defect("a pair in two splits", "artist_splits.matches_its_schema", again("artist_splits")),
    Defect(
        "a pair that nobody played",
        "artist_splits.pairs_of_the_splits_are_played",
        lambda world: {"artist_splits": extended(world["artist_splits"], user="nobody")},
    ),
    Defect(
        "a play in no split",
        "artist_splits.played_pairs_are_in_a_split",
        lost("artist_splits"),
    ),
    Defect("nothing held out", "artist_splits.a_fifth_is_held_out", column("artist_splits", split="train")),
    Defect("a search without a figure", "artist_search.a_configuration_was_judged", column("artist_search", ndcg=None)),
    Defect("a model that diverged", "artist_model.arrays_are_finite", _diverged),
    Defect(
        "played artists recommended",
        "artist_evaluation.nothing_played_is_recommended",
        _figure("model", "unseen", 0.97),
    ),
    Defect(
        "a model no better than popularity",
        "artist_evaluation.the_model_beats_popularity",
        _figure("model", "ndcg", 0.08),
    ),
    Defect(
        "a model that saw the held-out plays", "artist_evaluation.figures_are_plausible", _figure("model", "ndcg", 0.93)
    ),
    Defect("a list with an artist twice", "served_artists.lists_hold_each_artist_once", _listed_twice),
    Defect("a listener without a list", "served_artists.lists_hold_each_artist_once", _nobody_offered),
)

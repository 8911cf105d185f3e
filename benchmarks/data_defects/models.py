"""Defects of checkpoints and of evaluations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.planting import Defect, Plant, World, again, cell


def _vectors(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    def plant(world: World) -> dict[str, Any]:
        return {name: change(world[name].copy())}

    return plant


def _permuted(values: np.ndarray) -> np.ndarray:
    return values[np.random.default_rng(5).permutation(len(values))]


def _nan(values: np.ndarray) -> np.ndarray:
    values[7, 3] = np.nan
    return values


def _by_listeners(system: str, precision: float) -> Plant:
    """The world with another precision of one system, its interval with it."""

    def plant(world: World) -> dict[str, Any]:
        mine = pl.col("system") == system
        changed = {
            f"precision{end}": pl.when(mine).then(precision * factor).otherwise(pl.col(f"precision{end}"))
            for end, factor in (("", 1.0), ("_low", 0.9), ("_high", 1.1))
        }
        return {"listener_evaluation": world["listener_evaluation"].with_columns(**changed)}

    return plant


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "lists that listeners play less of than of the most liked",
        "listener_evaluation.what_is_served_is_above_the_most_liked",
        _by_listeners("served", 0.0167),
    ),
    Defect(
        "lists crowded by playlists of one song",
        "listener_evaluation.playlists_of_one_song_are_worth_their_places",
        _by_listeners("served, of several songs", 0.2),
    ),
    Defect(
        "likes that tell nothing of plays",
        "listener_evaluation.likes_tell_of_hidden_plays",
        _by_listeners("song overlap", 0.0039),
    ),
    Defect(
        "a precision outside its interval",
        "listener_evaluation.listeners_figures_lie_in_their_intervals",
        cell("listener_evaluation", precision=0.5),
    ),
    Defect("a NaN in a user vector", "bpr_checkpoint.user_vectors_are_finite", _vectors("user_vectors", _nan)),
    Defect(
        "a NaN in a playlist vector", "bpr_checkpoint.playlist_vectors_are_finite", _vectors("playlist_vectors", _nan)
    ),
    Defect(
        "user rows permuted",
        "bpr_checkpoint.the_model_knows_its_training_pairs",
        _vectors("user_vectors", _permuted),
    ),
    Defect(
        "playlist rows permuted",
        "bpr_checkpoint.the_model_knows_its_training_pairs",
        _vectors("playlist_vectors", _permuted),
    ),
    Defect(
        "a checkpoint of older data",
        "bpr_checkpoint.the_model_is_of_these_data",
        lambda w: {"model_card": w["model_card"] | {"inputs": {"splits": "0" * 16, "triplets": "0" * 16}}},
    ),
    Defect("a collapsed model", "bpr_checkpoint.vectors_tell_users_apart", _vectors("user_vectors", lambda v: v * 0)),
    Defect(
        "a vector missing", "bpr_checkpoint.there_is_a_vector_for_each_row", _vectors("user_vectors", lambda v: v[:-1])
    ),
    Defect(
        "a training that diverged",
        "bpr_checkpoint.the_loss_fell",
        lambda w: {"model_card": w["model_card"] | {"losses": [0.6, 0.9]}},
    ),
    Defect("a metric above 1", "bpr_evaluation.metrics_are_shares", cell("bpr_evaluation", mrr=1.2)),
    Defect("Hit@5 below Hit@1", "bpr_evaluation.hits_grow_with_the_list", cell("bpr_evaluation", hit_5=0.1)),
    Defect(
        "more ties than batches", "bpr_evaluation.shares_of_the_evaluation_are_shares", cell("bpr_evaluation", ties=1.5)
    ),
    Defect(
        "a precision of the lists shown above 1",
        "bpr_evaluation.shares_of_the_evaluation_are_shares",
        cell("bpr_evaluation", shown_precision_5=1.2),
    ),
    Defect(
        "candidates that hold more likes than they reach",
        "bpr_evaluation.candidates_hold_no_more_than_they_reach",
        cell("bpr_evaluation", served_recall=0.5),
    ),
    Defect(
        "a model no better than a guess", "bpr_evaluation.the_model_beats_a_guess", cell("bpr_evaluation", hit_10=0.19)
    ),
    Defect(
        "a model taught taste that listeners play less of than of the most liked",
        "listener_evaluation.a_model_taught_taste_is_above_the_most_liked",
        _by_listeners("bpr, all playlists", 0.0167),
    ),
    Defect(
        "an evaluation twice",
        "bpr_evaluation.systems_are_evaluated_once",
        again("bpr_evaluation"),
    ),
    Defect(
        "playlist vectors all alike",
        "bpr_checkpoint.playlist_vectors_tell_playlists_apart",
        _vectors("playlist_vectors", lambda v: v * 0),
    ),
)

"""Defects of what a training starts from, of evaluations of cold users, and of what is served."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.planting import Defect, Plant, World, again, cell, lost, with_members
from buddies_assets.systems.playlists.served_readers import array_table


def _array(name: str, change: Callable[[np.ndarray], np.ndarray], group: str = "served_arrays") -> Plant:
    """A defect of one served array; the table of the arrays is made anew."""

    def plant(world: World) -> dict[str, Any]:
        arrays = {**world[group], name: change(world[group][name].copy())}
        sizes = {"users": world["n_users"], "playlists": world["n_playlists"], "songs": world["n_songs"]}
        return {group: arrays, "served_model": array_table(arrays, sizes)}

    return plant


def _at(place: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values[place] = value
        return values

    return change


def _of_owned(fits: np.ndarray) -> np.ndarray:
    """Rows of owned playlists, which are empty, filled too."""
    fits[:, 0] = 0
    return fits


def _first_list_backwards(world: World) -> dict[str, Any]:
    starts = world["served_arrays"]["ranked_indptr"]
    user = int(np.flatnonzero(np.diff(starts) > 3)[0])
    return _array("ranked_scores", _backwards(slice(starts[user], starts[user + 1])))(world)


def _backwards(part: slice) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values[part] = values[part][::-1].copy()
        return values

    return change


def _without_answer(world: World) -> dict[str, Any]:
    """The answer of one user made an empty list of the same length in bytes."""
    arrays = world["served_arrays"]
    begin, end = arrays["contract_offsets"][3:5]

    def change(content: np.ndarray) -> np.ndarray:
        listed = content[begin:end].tobytes().partition(b"[")
        content[begin:end] = np.frombuffer((listed[0] + b"[]}").ljust(int(end - begin)), np.uint8)
        return content

    return _array("contract_bytes", change)(world)


def _other_data(world: World) -> dict[str, Any]:
    return {"served_lineage": world["served_lineage"].with_columns(made_of=pl.lit("0" * 16))}


def _daily(change: Callable[[list[Any]], list[Any]]) -> Plant:
    return lambda world: {"daily_recommendations": with_members(world["daily_recommendations"], "playlists", change, 2)}


def _crowding(world: World) -> dict[str, Any]:
    """Every list begins with the same playlist, that of the first user."""
    same = world["ranked_candidates"]["playlists"].list.first().drop_nulls()[0]
    turned = [[same, *(p for p in m if p != same)] for m in world["ranked_candidates"]["playlists"].to_list()]
    ranked = world["ranked_candidates"].with_columns(pl.Series("playlists", turned, dtype=pl.List(pl.UInt32)))
    return {"ranked_candidates": ranked}


def _factors(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    return lambda world: {name: change(world[name].copy())}


def _nan(values: np.ndarray) -> np.ndarray:
    values[4, 1] = np.nan
    return values


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "a playlist that everybody is shown",
        "ranked_candidates.no_playlist_is_on_half_of_the_lists",
        _crowding,
    ),
    Defect("a NaN in a factor of ALS", "als_factors.als_factors_are_finite", _factors("als_playlists", _nan)),
    Defect(
        "factors of ALS of fewer users",
        "als_factors.als_factors_fit_the_libraries",
        _factors("als_users", lambda v: v[1:]),
    ),
    Defect("ALS that collapsed", "als_factors.als_factors_tell_rows_apart", _factors("als_users", lambda v: v * 0)),
    Defect("a third side of ALS", "als_factors.matches_its_schema", cell("als_factors", side="songs")),
    Defect("the worst trial first", "bpr_search.trials_are_best_first", cell("bpr_search", mrr=0.1)),
    Defect("a trial with an MRR above 1", "bpr_search.trial_metrics_are_shares", cell("bpr_search", mrr=1.7)),
    Defect("a diverged trial that won", "bpr_search.the_winning_trial_ended", cell("bpr_search", state="diverged")),
    Defect(
        "a search without a trial", "bpr_search.there_is_a_trial", lambda w: {"bpr_search": w["bpr_search"].clear()}
    ),
    Defect("a trial twice", "bpr_search.matches_its_schema", again("bpr_search")),
    Defect(
        "a metric of cold users above 1",
        "cold_user_evaluation.metrics_are_shares",
        cell("cold_user_evaluation", mrr=1.2),
    ),
    Defect(
        "Hit@5 of cold users below Hit@1",
        "cold_user_evaluation.hits_grow_with_the_list",
        cell("cold_user_evaluation", hit_5=0.1),
    ),
    Defect(
        "an evaluation of cold users twice",
        "cold_user_evaluation.cold_systems_are_evaluated_once",
        again("cold_user_evaluation"),
    ),
    Defect(
        "an interval beside its figure",
        "cold_user_evaluation.cold_intervals_hold_their_figure",
        cell("cold_user_evaluation", mrr_high=0.3),
    ),
    Defect(
        "a fold-in that more songs make worse",
        "cold_user_evaluation.knowing_more_songs_helps",
        cell("cold_user_evaluation", 2, mrr=0.3, mrr_low=0.2),
    ),
    Defect(
        "a fold-in worse than the most-liked list",
        "cold_user_evaluation.who_is_known_by_little_gets_no_worse_than_the_most_liked",
        cell("cold_user_evaluation", 1, mrr_gain_high=-0.02),
    ),
    Defect(
        "a fold-in whose lists are played less than the most-liked list",
        "cold_user_evaluation.who_is_known_by_little_gets_no_worse_than_the_most_liked",
        cell("cold_user_evaluation", 1, precision_gain_high=-0.002),
    ),
    Defect(
        "a served array cut short",
        "served_model.served_arrays_are_those_of_the_format",
        _array("cold", lambda v: v[:-1]),
    ),
    Defect(
        "a served array of another type",
        "served_model.served_arrays_are_those_of_the_format",
        _array("playlist_pids", lambda v: v.astype(np.int64)),
    ),
    Defect("a NaN served", "served_model.served_numbers_are_finite", _array("ranked_scores", _at(9, np.nan))),
    Defect("an unknown playlist served", "served_model.served_indexes_exist", _array("ranked_playlists", _at(9, 4e6))),
    Defect(
        "a playlist said to fit a listener whose it is not",
        "served_model.playlists_that_nobody_owns_fit_whom_they_name",
        _array("playlist_fits", _of_owned),
    ),
    Defect("the worst served first", "served_model.served_scores_fall", _first_list_backwards),
    Defect(
        "served users in another order",
        "served_model.served_rows_are_those_of_the_libraries",
        _array("user_ids", lambda v: v[::-1].copy()),
    ),
    Defect(
        "a list served to somebody else",
        "served_model.served_lists_are_those_ranked",
        _array("ranked_playlists", lambda v: np.roll(v, 1)),
    ),
    Defect("an answer without a playlist", "served_model.everybody_is_answered_with_five", _without_answer),
    Defect("a version of older data", "served_model.served_model_is_of_the_stored_data", _other_data),
    Defect(
        "a user without a daily list",
        "daily_recommendations.everybody_has_a_daily_list",
        lost("daily_recommendations"),
    ),
    Defect("a daily list twice", "daily_recommendations.daily_lists_are_one_a_user", again("daily_recommendations")),
    Defect(
        "a daily list of an unknown user",
        "daily_recommendations.daily_users_exist",
        cell("daily_recommendations", user_id=4_000_000),
    ),
    Defect("a daily list of four", "daily_recommendations.daily_lists_are_full", _daily(lambda m: m[:4])),
    Defect(
        "a playlist twice in a daily list",
        "daily_recommendations.daily_lists_hold_distinct_playlists",
        _daily(lambda m: [m[0], *m[:4]]),
    ),
    Defect(
        "an unknown playlist in a daily list",
        "daily_recommendations.daily_playlists_exist",
        _daily(lambda m: [999_999_999, *m[1:]]),
    ),
    Defect(
        "a daily list in another order", "daily_recommendations.daily_lists_are_those_served", _daily(lambda m: m[::-1])
    ),
    Defect(
        "a daily file of last week",
        "daily_recommendations.daily_lists_are_of_these_days",
        lambda w: {"daily_day": w["daily_day"] - timedelta(days=7)},
    ),
)

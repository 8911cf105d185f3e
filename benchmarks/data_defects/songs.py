"""Defects of the songs system: the reference's faults, and those that hide in the figures of two stages."""

from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.planting import (
    Defect,
    Plant,
    World,
    again,
    cell,
    cell_where,
    column,
    extended,
    lost,
    with_cells,
)


def _figure(system: str, metric: str, **cells: float) -> Plant:
    return cell_where("song_evaluation", (pl.col("system") == system) & (pl.col("metric") == metric), **cells)


def _source(name: str, **cells: float) -> Plant:
    return cell_where("song_candidates", pl.col("source") == name, **cells)


def _feature(dataset: str, name: str, **cells: float) -> Plant:
    return cell_where(dataset, pl.col("feature") == name, **cells)


def _array(name: str, change: Any) -> Plant:
    def plant(world: World) -> dict[str, Any]:
        array = world["song_arrays"][name].copy()
        change(array, world["song_arrays"])
        return {"song_arrays": {**world["song_arrays"], name: array}}

    return plant


def _two_songs_of_an_id(world: World) -> dict[str, Any]:
    frame = world["song_catalogue"]
    return {"song_catalogue": with_cells(frame, 1, song_ids=[frame["song"][0], frame["song"][1]])}


def _two_songs_of_a_text(world: World) -> dict[str, Any]:
    frame = world["song_catalogue"]
    return {"song_catalogue": with_cells(frame, 1, text_key=frame["text_key"][0])}


def _hidden_plays_counted(world: World) -> dict[str, Any]:
    counts = world["song_plays"].group_by("song").len("all")
    joined = world["ranker_popularity"].join(counts, on="song", how="left")
    return {"ranker_popularity": joined.select("song", pl.col("all").cast(pl.Int64).alias("listeners"))}


def _popular_shuffled(array: np.ndarray, world: Any) -> None:
    array[:] = array[::-1].copy()


def _repeated(array: np.ndarray, world: Any) -> None:
    array[5, 1] = array[5, 0]


def _known_listed(array: np.ndarray, world: Any) -> None:
    array[6, 0] = world["known"][world["known_offsets"][6]]


def _rising(array: np.ndarray, world: Any) -> None:
    array[7] = array[7, ::-1].copy()


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "song plays of no weight", "song_plays.song_weights_are_finite_and_positive", cell("song_plays", weight=0.0)
    ),
    Defect(
        "a told play that training does not see",
        "song_plays.what_listeners_told_is_learnt_from",
        lambda world: {"songs_told": extended(world["songs_told"], item="S00", user="told")},
    ),
    Defect("a song's play stored twice", "song_plays.matches_its_schema", again("song_plays")),
    Defect(
        "the wrong text of a mismatched song",
        "song_catalogue.mismatched_songs_have_no_text",
        cell_where("song_catalogue", pl.col("mismatched"), title="Of another song"),
    ),
    Defect("an id of two songs", "song_catalogue.an_id_names_one_song", _two_songs_of_an_id),
    Defect("a song under two texts' ids", "song_catalogue.one_text_is_one_song", _two_songs_of_a_text),
    Defect(
        "listeners that nobody counted",
        "song_catalogue.popularity_is_counted_from_the_plays",
        cell("song_catalogue", listeners=39),
    ),
    Defect(
        "a hidden song that nobody played",
        "play_splits.hidden_pairs_are_played",
        lambda world: {"play_splits": extended(world["play_splits"], user="nobody")},
    ),
    Defect(
        "a song's play in no split",
        "play_splits.every_play_is_in_a_split",
        lost("play_splits"),
    ),
    Defect(
        "a new listener half in train",
        "play_splits.new_listeners_are_set_aside_whole",
        cell_where("play_splits", pl.col("split") == "new", split="train"),
    ),
    Defect("no song hidden", "play_splits.something_is_hidden", column("play_splits", split="train")),
    Defect("a dead source", "song_candidates.no_source_is_dead", _source("ALS", recall_500=0.0, recall_100=0.0)),
    Defect(
        "a source that names the least similar songs",
        "song_candidates.models_find_more_than_popularity",
        _source("ALS", recall_100=0.02),
    ),
    Defect("hidden plays in popularity", "song_ranker.popularity_counts_no_hidden_play", _hidden_plays_counted),
    Defect(
        "a ranker of in-fold scores", "song_evaluation.trees_learnt_out_of_fold", cell("song_ranker", 1, map500=0.999)
    ),
    Defect(
        "a silent listener without features",
        "song_features.listeners_lose_no_feature",
        _feature("song_features", "songs", missing=0.4),
    ),
    Defect(
        "a ranker that copies one score",
        "song_features.the_ranker_copies_no_single_score",
        _feature("song_features", "EASE with artists: score", importance=0.99),
    ),
    Defect(
        "songs recommended that are known",
        "song_evaluation.nothing_known_is_recommended",
        _figure("ranker", "novelty", value=0.973),
    ),
    Defect(
        "a song under a second id counted as new",
        "song_evaluation.no_second_version_is_recommended",
        _figure("ranker", "novelty_by_text", value=0.995),
    ),
    Defect(
        "listeners without a list left out of the mean",
        "song_evaluation.every_listener_has_a_list",
        _figure("ranker", "coverage_user", value=0.94),
    ),
    Defect(
        "a song twice in a list",
        "song_evaluation.no_list_repeats_a_song",
        _figure("ranker", "duplicates", value=3.0),
    ),
    Defect(
        "a model of songs that saw the hidden plays",
        "song_evaluation.song_figures_are_plausible",
        _figure("blend", "map500", value=0.93),
    ),
    Defect(
        "a source better than the ranker",
        "song_evaluation.the_ranker_is_no_worse_than_any_source",
        _figure("blend", "map500", ahead=-0.02, ahead_low=-0.03, ahead_high=-0.01),
    ),
    Defect(
        "a served song twice",
        "served_songs.served_lists_hold_new_songs_once_in_falling_order",
        _array("lists", _repeated),
    ),
    Defect(
        "a served song that was just played",
        "served_songs.served_lists_hold_new_songs_once_in_falling_order",
        _array("lists", _known_listed),
    ),
    Defect(
        "a served list in another order",
        "served_songs.served_lists_hold_new_songs_once_in_falling_order",
        _array("scores", _rising),
    ),
    Defect(
        "the least similar songs first",
        "served_songs.the_nearest_songs_come_first",
        _array("similar_scores", _rising),
    ),
    Defect(
        "ten of the hundred popular songs, any ten",
        "served_songs.the_most_popular_come_first",
        _array("popular", _popular_shuffled),
    ),
    Defect(
        "a feature that means something else when served",
        "served_songs.features_do_not_drift_from_training_to_serving",
        _feature("serving_features", "song listeners", mean=7.5),
    ),
    Defect(
        "a feature that is lost when served",
        "served_songs.features_do_not_drift_from_training_to_serving",
        _feature("serving_features", "songs", missing=0.6),
    ),
)

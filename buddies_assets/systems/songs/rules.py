"""Rules of the songs' datasets: each fault that hides in the figures of a two-stage recommender is named by one."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from quality.rules.shapes import without_partner
from quality.rules.verdict import Finding, Severity, offending_rows, rule, within

MOST_PLAUSIBLE = 0.6
"""mAP@500 beyond which something has seen what it is judged by; the challenge's winner has 0.18."""
MOST_OF_ONE = 0.9
"""Share of what trees use that one feature may have; beyond it they copy that feature."""
DRIFT = 3.0
"""Deviations by which the mean of a feature may differ: what is served also counts the plays that were hidden."""
DRIFT_MISSING = 0.25
MAY_BE_MISSING = ("song year", "years away", "silent")
"""Features that may be missing: of songs without a year, and of listeners without any play."""
POPULAR = "popular"
_ALWAYS_BELOW = ("union", POPULAR, "MPD playlists", "Item2Item", "words", "popular lately", "artists known")
"""Sources that bring songs which others lack and need not beat popularity by themselves."""
_MAY_BE_EMPTY = ("MPD playlists", "popular lately", "artists known")
"""Sources of what a file of plays may lack: playlists, dates, text."""


@rule(blocking=True)
def song_weights_are_finite_and_positive(song_plays: pl.DataFrame) -> Finding:
    """Every play weighs something."""
    weight = pl.col("weight")
    return offending_rows(song_plays.filter(~(weight.is_finite() & (weight > 0)).fill_null(False)), song_plays.height)


@rule(blocking=True)
def what_listeners_told_is_learnt_from(
    song_plays: pl.DataFrame, songs_told: pl.DataFrame, songs_on_file: pl.DataFrame
) -> Finding:
    """Every song that a listener told of since the file is among their plays: the next training learns from it."""
    ids = songs_on_file.select("song", item="song_ids").explode("item")
    told = songs_told.select("user", "item").join(ids, on="item", how="left")
    return offending_rows(told.join(song_plays, on=["user", "song"], how="anti"), told.height)


@rule(blocking=True)
def mismatched_songs_have_no_text(song_catalogue: pl.DataFrame) -> Finding:
    """An id whose text is known to be wrong keeps its plays and shows no text."""
    told = pl.col("mismatched") & (pl.col("title").is_not_null() | pl.col("artist").is_not_null())
    return offending_rows(song_catalogue.filter(told).select("song", "title", "artist"), song_catalogue.height)


@rule(blocking=True)
def an_id_names_one_song(song_catalogue: pl.DataFrame) -> Finding:
    """Every song id belongs to one canonical song."""
    ids = song_catalogue.select("song", pl.col("song_ids").alias("id")).explode("id")
    return offending_rows(ids.filter(pl.col("id").is_duplicated()), ids.height)


@rule(blocking=True)
def one_text_is_one_song(song_catalogue: pl.DataFrame) -> Finding:
    """No two songs have the same trusted text: a second version would count as new."""
    trusted = song_catalogue.filter(~pl.col("mismatched") & pl.col("text_key").is_not_null())
    return offending_rows(trusted.filter(pl.col("text_key").is_duplicated()).select("song", "text_key"), trusted.height)


@rule(blocking=True)
def popularity_is_counted_from_the_plays(song_catalogue: pl.DataFrame, song_plays: pl.DataFrame) -> Finding:
    """A song's listeners are those who have it in the plays."""
    counts = song_plays.group_by("song").agg(pl.col("user").n_unique().cast(pl.UInt32).alias("counted"))
    joined = song_catalogue.select("song", "listeners").join(counts, on="song", how="full", coalesce=True)
    return offending_rows(joined.filter(pl.col("listeners").ne_missing(pl.col("counted"))), joined.height)


@rule(blocking=True)
def hidden_pairs_are_played(play_splits: pl.DataFrame, song_plays: pl.DataFrame) -> Finding:
    """Every pair of a split is one that was played."""
    return without_partner(play_splits, song_plays, "user", "song")


@rule(blocking=True)
def every_play_is_in_a_split(play_splits: pl.DataFrame, song_plays: pl.DataFrame) -> Finding:
    """Every pair that was played is in a split: none is lost."""
    return without_partner(song_plays, play_splits, "user", "song")


@rule(blocking=True)
def new_listeners_are_set_aside_whole(play_splits: pl.DataFrame) -> Finding:
    """A listener who is new to the model has no play in train or test."""
    parts = play_splits.group_by("user").agg(pl.col("split").unique())
    mixed = parts.filter(pl.col("split").list.contains("new") & (pl.col("split").list.len() > 1))
    return offending_rows(mixed.select("user"), parts.height)


@rule(blocking=True)
def something_is_hidden(play_splits: pl.DataFrame) -> Finding:
    """Between a twentieth and a half of the plays are hidden: enough to judge by, and enough to learn from."""
    share = play_splits.filter(pl.col("split") == "test").height / max(play_splits.height, 1)
    return within(share, 0.05, 0.5, play_splits.height)


@rule(blocking=True)
def no_source_is_dead(song_candidates: pl.DataFrame) -> Finding:
    """Every source proposes songs to somebody, and some of them were played."""
    dead = (pl.col("listeners") == 0) | ~(pl.col("recall_500") > 0).fill_null(False)
    read = song_candidates.filter(~(pl.col("source").is_in(_MAY_BE_EMPTY) & (pl.col("listeners") == 0)))
    return offending_rows(read.filter(dead), read.height)


@rule()
def models_find_more_than_popularity(song_candidates: pl.DataFrame) -> Finding:
    """No model of plays finds half as much in its first hundred as popular songs do: it would rank upside down."""
    found = dict(song_candidates.select("source", "recall_100").iter_rows())
    models = song_candidates.filter(~pl.col("source").is_in(_ALWAYS_BELOW))
    floor = 0.5 * (found.get(POPULAR) or 0.0)
    return offending_rows(models.filter(pl.col("recall_100") < floor), models.height)


@rule(blocking=True)
def popularity_counts_no_hidden_play(
    song_ranker: pl.DataFrame, ranker_popularity: pl.DataFrame, play_splits: pl.DataFrame
) -> Finding:
    """What features know of a song's popularity is counted in train alone, without the plays that are judged by."""
    train = play_splits.filter(pl.col("split") == "train").group_by("song").len("counted")
    joined = ranker_popularity.join(train, on="song", how="left").with_columns(pl.col("counted").fill_null(0))
    bad = joined.filter(pl.col("listeners").cast(pl.Int64) != pl.col("counted").cast(pl.Int64))
    return offending_rows(bad, joined.height)


@rule(blocking=True)
def trees_learnt_out_of_fold(song_evaluation: pl.DataFrame, song_ranker: pl.DataFrame) -> Finding:
    """What ranks best out of fold is not implausibly good, nor four times as good as on the plays judged by."""
    best = song_ranker["map500"].max() or 0.0
    judged = _figure(song_evaluation, "ranker", "map500")
    limit = min(MOST_PLAUSIBLE, max(4 * judged, 0.2))
    return within(float(best), 0.0, limit, song_ranker.height, song_ranker)  # type: ignore[arg-type]


@rule(blocking=True)
def listeners_lose_no_feature(song_features: pl.DataFrame) -> Finding:
    """Only features of songs may be missing: a listener who was silent lately keeps all of theirs."""
    missing = song_features.filter((pl.col("missing") > 0) & ~pl.col("feature").is_in(MAY_BE_MISSING))
    return offending_rows(missing.select("feature", "missing"), song_features.height)


@rule(blocking=True)
def the_ranker_copies_no_single_score(song_features: pl.DataFrame) -> Finding:
    """Trees use more than one feature: beyond nine tenths of one they are that feature under another name."""
    used = song_features.filter(pl.col("importance") > 0)
    most = float(used["importance"].max() or 0.0) if used.height else 0.0  # type: ignore[arg-type]
    return within(
        most, None, MOST_OF_ONE, song_features.height, song_features.filter(pl.col("importance") > MOST_OF_ONE)
    )


def _figure(evaluation: pl.DataFrame, system: str, metric: str, column: str = "value") -> float:
    found = evaluation.filter(
        (pl.col("system") == system) & (pl.col("segment") == "all") & (pl.col("metric") == metric)
    )  # fmt: skip
    return float(found[column][0]) if found.height else float("nan")


@rule(blocking=True)
def nothing_known_is_recommended(song_evaluation: pl.DataFrame) -> Finding:
    """No list holds a song that its listener has in train: novelty is exactly 1 for the ranker."""
    return within(_figure(song_evaluation, "ranker", "novelty"), 1.0, 1.0, song_evaluation.height)


@rule(blocking=True)
def no_second_version_is_recommended(song_evaluation: pl.DataFrame) -> Finding:
    """No list holds a song that its listener has under another id: novelty by artist and title is exactly 1."""
    return within(_figure(song_evaluation, "ranker", "novelty_by_text"), 1.0, 1.0, song_evaluation.height)


@rule(blocking=True)
def every_listener_has_a_list(song_evaluation: pl.DataFrame) -> Finding:
    """Everybody who is judged has a list: a mean that skips those without would be too good."""
    return within(_figure(song_evaluation, "ranker", "coverage_user"), 1.0, 1.0, song_evaluation.height)


@rule(blocking=True)
def no_list_repeats_a_song(song_evaluation: pl.DataFrame) -> Finding:
    """No list of the ranker names a song twice."""
    return within(_figure(song_evaluation, "ranker", "duplicates"), 0.0, 0.0, song_evaluation.height)


@rule(blocking=True)
def song_figures_are_plausible(song_evaluation: pl.DataFrame) -> Finding:
    """No mAP@500 is above 0.6: such a system was fitted on what it is judged by."""
    judged = song_evaluation.filter((pl.col("metric") == "map500") & (pl.col("segment") == "all"))
    return offending_rows(judged.filter(pl.col("value") > MOST_PLAUSIBLE).select("system", "value"), judged.height)


@rule(blocking=True)
def the_ranker_is_no_worse_than_any_source(song_evaluation: pl.DataFrame) -> Finding:
    """No source is better than the ranker beyond the paired interval: trees of in-fold scores would be."""
    judged = song_evaluation.filter(
        (pl.col("metric") == "map500") & (pl.col("segment") == "all") & (pl.col("system") != "ranker")
    )
    return offending_rows(
        judged.filter(pl.col("ahead_high") < 0).select("system", "value", "ahead_high"), judged.height
    )


@rule(asset="served_songs", severity=Severity.ERROR)
def served_lists_hold_new_songs_once_in_falling_order(song_arrays: Mapping[str, np.ndarray]) -> Finding:
    """No served list repeats a song or holds one that is known, and chances fall within it."""
    lists, scores = np.asarray(song_arrays["lists"]), np.asarray(song_arrays["scores"])
    offsets, known = song_arrays["known_offsets"], np.asarray(song_arrays["known"])
    wrong = []
    for row, listed in enumerate(lists.tolist()):
        kept = [song for song in listed if song >= 0]
        mine = set(known[int(offsets[row]) : int(offsets[row + 1])].tolist())
        rising = bool((np.diff(scores[row, : len(kept)]) > 0).any())
        if len(kept) != len(set(kept)) or mine.intersection(kept) or rising:
            wrong.append(row)
    return offending_rows(pl.DataFrame({"listener": wrong}, schema={"listener": pl.Int64}), len(lists))


@rule(asset="served_songs", severity=Severity.ERROR)
def the_nearest_songs_come_first(song_arrays: Mapping[str, np.ndarray]) -> Finding:
    """Songs like a song are in falling likeness, and never the song itself: the least like ones would come first."""
    similar, scores = np.asarray(song_arrays["similar"]), np.asarray(song_arrays["similar_scores"])
    shown = np.where(similar >= 0, scores, -1.0)
    bad = (np.diff(shown, axis=1) > 0).any(axis=1) | (similar == np.arange(len(similar))[:, None]).any(axis=1)
    return offending_rows(pl.DataFrame({"song": np.flatnonzero(bad)}), len(similar))


@rule(asset="served_songs", severity=Severity.ERROR)
def the_most_popular_come_first(song_arrays: Mapping[str, np.ndarray]) -> Finding:
    """Strangers get the songs that most listeners have, and not some of them in any order."""
    counts = np.asarray(song_arrays["listeners"])
    popular = np.asarray(song_arrays["popular"])
    best = np.sort(counts)[::-1][: len(popular)]
    bad = np.flatnonzero(counts[popular] != best)
    return offending_rows(pl.DataFrame({"place": bad}), len(popular))


@rule(asset="served_songs")
def features_do_not_drift_from_training_to_serving(
    serving_features: pl.DataFrame, song_features: pl.DataFrame
) -> Finding:
    """No feature's mean moves by three deviations, nor its share missing by a quarter, from training to serving."""
    joined = song_features.join(serving_features, on="feature", how="full", suffix="_serving", coalesce=True)
    moved = (pl.col("mean") - pl.col("mean_serving")).abs() > DRIFT * pl.max_horizontal("deviation", pl.lit(1e-6))
    gone = (pl.col("missing") - pl.col("missing_serving")).abs() > DRIFT_MISSING
    bad = joined.filter((moved | gone).fill_null(True))
    return offending_rows(bad.select("feature", "mean", "mean_serving", "missing", "missing_serving"), joined.height)

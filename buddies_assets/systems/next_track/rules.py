"""Rules of next track: vectors, figures, answers, the map."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from buddies_assets.sources import answer_findings as found
from quality.rules.verdict import Finding, offending_rows, rule, within

MODEL = found.SERVED["next_track"]
MOST_PLAUSIBLE = 0.95
LABELLED = 200
"""Labelled songs below which their neighbours say nothing."""
KEPT = 2 / 3


@rule(blocking=True)
def nothing_follows_itself(song_successors: pl.DataFrame) -> Finding:
    """No song is its own successor: a playlist that holds one twice counts it once."""
    return offending_rows(song_successors.filter(pl.col("song") == pl.col("next")), song_successors.height)


@rule(asset="track2vec", blocking=True)
def vectors_are_finite(track2vec_vectors: Mapping[str, np.ndarray]) -> Finding:
    """No vector holds a NaN or an infinity."""
    bad = ~np.logical_and(*(np.isfinite(track2vec_vectors[name]).all(1) for name in ("inputs", "outputs")))
    return offending_rows(pl.DataFrame({"song": np.flatnonzero(bad)}), len(bad))


@rule(blocking=True)
def no_vector_is_dead(
    track2vec: pl.DataFrame, track2vec_vectors: Mapping[str, np.ndarray], track2vec_least: int
) -> Finding:
    """Songs in enough playlists have vectors that training has moved: an output vector starts at zero."""
    able = track2vec["playlists"].to_numpy() >= track2vec_least
    still = [np.abs(track2vec_vectors[name]).max(1) == 0 for name in ("inputs", "outputs")]
    return offending_rows(track2vec.filter(pl.Series(able & (still[0] | still[1]))), int(able.sum()))


@rule(asset="next_track_ranker", blocking=True)
def arrays_of_the_ranker_are_finite(next_track_arrays: Mapping[str, np.ndarray]) -> Finding:
    """No array of the model holds a NaN; a threshold that a tree does not use is infinite."""
    bad = [name for name, array in next_track_arrays.items() if array.dtype.kind == "f" and np.isnan(array).any()]
    return offending_rows(pl.DataFrame({"array": bad}, schema={"array": pl.String}), len(next_track_arrays))


@rule(blocking=True)
def next_track_beats_popularity(next_track_evaluation: pl.DataFrame) -> Finding:
    """Hit ratio of 10, the lower end of its interval, is above that of the most popular songs, last and random."""
    return found.beats_popularity(next_track_evaluation, MODEL, "hit@10", ("last", "random"))


@rule(blocking=True)
def next_track_keeps_up(next_track_evaluation: pl.DataFrame, next_track_last: float) -> Finding:
    """The model is not worse than the one that is served."""
    return found.keeps_up(next_track_evaluation, MODEL, "hit@100", "random", next_track_last)


@rule(blocking=True)
def next_track_figures_are_plausible(next_track_evaluation: pl.DataFrame) -> Finding:
    """No model names the next song among ten nearly always: it must have seen it."""
    return found.plausible(next_track_evaluation, "hit@10", MOST_PLAUSIBLE)


@rule()
def plane_keeps_the_space(latent_map: pl.DataFrame) -> Finding:
    """Neighbours on the map are of one genre at least two thirds as often as in the space."""
    told = latent_map.filter(pl.col("genre").is_not_null()).height
    if told < LABELLED:
        return within(1.0, KEPT, None, told)
    return within(latent_map["in_plane"][0] / latent_map["in_space"][0], KEPT, None, told)


ANSWERS = found.answer_rules("track_index", "next_track_answers", "next_tracks")

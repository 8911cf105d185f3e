"""Rules of the artists' datasets."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from quality.rules.shapes import without_partner
from quality.rules.verdict import SIGMAS, Finding, Severity, offending_rows, rule, within

HELD_OUT = 0.2
MOST_PLAUSIBLE = 0.6
"""NDCG@10 beyond which a model must have seen what it is judged by; the best known have 0.28 of listeners' plays."""


@rule(blocking=True)
def weights_are_finite_and_positive(artist_plays: pl.DataFrame) -> Finding:
    """Every play weighs something: what is zero, negative or no number is in the quarantine."""
    weight = pl.col("weight")
    return offending_rows(
        artist_plays.filter(~(weight.is_finite() & (weight > 0)).fill_null(False)), artist_plays.height
    )


@rule(blocking=True)
def ids_are_never_empty(artist_plays: pl.DataFrame) -> Finding:
    """Listener and artist have an id."""
    empty = (pl.col("user").str.len_chars() == 0) | (pl.col("item").str.len_chars() == 0)
    return offending_rows(artist_plays.filter(empty), artist_plays.height)


@rule(blocking=True)
def pairs_of_the_splits_are_played(artist_splits: pl.DataFrame, artist_plays: pl.DataFrame) -> Finding:
    """Every pair of a split is one that was played."""
    return without_partner(artist_splits, artist_plays, "user", "item")


@rule(blocking=True)
def played_pairs_are_in_a_split(artist_splits: pl.DataFrame, artist_plays: pl.DataFrame) -> Finding:
    """Every pair that was played is in a split: none is lost."""
    return without_partner(artist_plays, artist_splits, "user", "item")


@rule(blocking=True)
def a_fifth_is_held_out(artist_splits: pl.DataFrame) -> Finding:
    """About every fifth pair is in test (within five deviations of a fair draw)."""
    rows = artist_splits.height
    share = artist_splits.filter(pl.col("split") == "test").height / max(rows, 1)
    room = SIGMAS * float(np.sqrt(HELD_OUT * (1 - HELD_OUT) / max(rows, 1)))
    return within(share, HELD_OUT - room, HELD_OUT + room, rows)


@rule()
def a_configuration_was_judged(artist_search: pl.DataFrame) -> Finding:
    """At least one trial has a figure; the others say why not."""
    judged = artist_search.filter(pl.col("ndcg").is_not_null()).height
    return within(judged, 1, None, artist_search.height, artist_search.select("trial", "error"))


@rule(asset="artist_model", blocking=True)
def arrays_are_finite(artist_arrays: Mapping[str, np.ndarray]) -> Finding:
    """No array of the model holds a NaN or an infinity, which would rank first or nowhere."""
    bad = [name for name, array in artist_arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    return offending_rows(pl.DataFrame({"array": bad}), len(artist_arrays))


def _ndcg(artist_evaluation: pl.DataFrame) -> pl.DataFrame:
    return artist_evaluation.filter(pl.col("metric") == "ndcg").select("system", "value")


@rule(blocking=True)
def nothing_played_is_recommended(artist_evaluation: pl.DataFrame) -> Finding:
    """Lists hold nothing that their listener has in train: the share of unseen artists is exactly 1."""
    unseen = artist_evaluation.filter(pl.col("metric") == "unseen")
    return offending_rows(unseen.filter(pl.col("value") < 1.0), unseen.height)


@rule(blocking=True)
def the_model_beats_popularity(artist_evaluation: pl.DataFrame) -> Finding:
    """The model's NDCG is above that of popularity, by listeners and by plays."""
    ndcg = dict(_ndcg(artist_evaluation).iter_rows())
    floor = max(ndcg["popular by listeners"], ndcg["popular by plays"])
    return within(ndcg["model"] - floor, float(np.nextafter(0, 1)), None, len(ndcg), _ndcg(artist_evaluation))


@rule(blocking=True)
def figures_are_plausible(artist_evaluation: pl.DataFrame) -> Finding:
    """No NDCG is above 0.6: such a system has seen what it is judged by."""
    ndcg = _ndcg(artist_evaluation)
    return offending_rows(ndcg.filter(pl.col("value") > MOST_PLAUSIBLE), ndcg.height)


@rule(asset="served_artists", severity=Severity.ERROR)
def lists_hold_each_artist_once(artist_lists: np.ndarray) -> Finding:
    """No list of the served experiment repeats an artist, and every listener is offered one."""
    kept = [[item for item in row if item >= 0] for row in np.asarray(artist_lists).tolist()]
    wrong = [number for number, row in enumerate(kept) if len(row) != len(set(row)) or not row]
    return offending_rows(pl.DataFrame({"listener": wrong}, schema={"listener": pl.Int64}), len(kept))

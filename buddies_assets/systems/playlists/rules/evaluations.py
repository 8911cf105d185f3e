"""Rules of the evaluations: metrics that can be true, once for each system, and better than a guess.

The same rules hold for users that the model was trained on and for those it was not; the second hold nothing back.
"""

from dataclasses import replace

import polars as pl

from buddies_assets.systems.playlists.rules.batches import ENOUGH_BATCHES
from quality.rules.shapes import duplicates
from quality.rules.verdict import Finding, Rule, Severity, offending_rows, rule, too_few, within

METRICS = ("mrr", "hit_1", "hit_5", "hit_10")
SHARES = (
    "ties",
    "twins",
    "served_similarity",
    "served_precision_5",
    "served_reach",
    "served_recall",
    "shown_precision_5",
)
LITTLE_LOST = 0.01
"""Loss against the most-liked list that is not worth an alarm."""
FEWEST_LISTENERS = 100
OF_SEVERAL_SONGS = "served, of several songs"
"""System of `listener_evaluation`: the lists that are served without their playlists of one song."""
MOST_LOST = 0.02
"""MRR that knowing a whole library may lose against knowing one song before somebody should look."""


@rule(asset="bpr_evaluation", blocking=True)
def metrics_are_shares(bpr_evaluation: pl.DataFrame) -> Finding:
    """MRR and Hit@k of every system are finite and between 0 and 1."""
    present = [m for m in METRICS if m in bpr_evaluation.columns]
    bad = pl.any_horizontal((~pl.col(m).is_finite() | ~pl.col(m).is_between(0, 1)).fill_null(True) for m in present)
    return offending_rows(bpr_evaluation.filter(bad), bpr_evaluation.height)


@rule()
def hits_grow_with_the_list(bpr_evaluation: pl.DataFrame) -> Finding:
    """Hit@1 ≤ MRR, and Hit@1 ≤ Hit@5 ≤ Hit@10."""
    wrong = (
        (pl.col("hit_1") > pl.col("mrr") + 1e-9)
        | (pl.col("hit_1") > pl.col("hit_5") + 1e-9)
        | (pl.col("hit_5") > pl.col("hit_10") + 1e-9)
    )
    return offending_rows(bpr_evaluation.filter(wrong), bpr_evaluation.height)


@rule()
def shares_of_the_evaluation_are_shares(bpr_evaluation: pl.DataFrame) -> Finding:
    """Ties and twins, and precision, recall and similarity of lists, are between 0 and 1 where there are any."""
    present = [c for c in SHARES if c in bpr_evaluation.columns]
    if not present:
        return offending_rows(bpr_evaluation.clear(), bpr_evaluation.height)
    bad = pl.any_horizontal((~pl.col(c).is_between(-1e-9, 1 + 1e-9)).fill_null(False) for c in present)
    return offending_rows(bpr_evaluation.filter(bad), bpr_evaluation.height)


@rule()
def candidates_hold_no_more_than_they_reach(bpr_evaluation: pl.DataFrame) -> Finding:
    """The mean share of held-out likes among a user's candidates is not above the share of users with one at all."""
    if "served_recall" not in bpr_evaluation.columns:
        # An evaluation of the version before this one, which did not count.
        return offending_rows(bpr_evaluation.clear(), bpr_evaluation.height)
    wrong = (pl.col("served_recall") > pl.col("served_reach") + 1e-9).fill_null(False)
    return offending_rows(bpr_evaluation.filter(wrong), bpr_evaluation.height)


@rule()
def systems_are_evaluated_once(bpr_evaluation: pl.DataFrame) -> Finding:
    """(system, split) occurs once."""
    return duplicates(bpr_evaluation, "system", "split")


@rule(blocking=True)
def the_model_beats_a_guess(bpr_evaluation: pl.DataFrame) -> Finding:
    """The model's Hit@10 is above 10/51, what a lot gets; splits with too few batches are not judged.

    Held-out likes do not judge a model that was taught taste: it is shown, and hidden plays judge it.
    """
    if _taught_taste(bpr_evaluation):
        bpr = bpr_evaluation.filter(pl.col("system").str.starts_with("bpr"))
        return too_few(bpr["hit_10"].min(), bpr.height)  # type: ignore[arg-type]
    model = bpr_evaluation.filter(pl.col("system").str.starts_with("bpr"))
    enough = model.filter(pl.col("batches") >= ENOUGH_BATCHES) if "batches" in model.columns else model
    if not enough.height and (model.height or not bpr_evaluation.height):
        return too_few(model["hit_10"].min() if model.height else 0.0, model.height)  # type: ignore[arg-type]
    model = enough
    return within(model["hit_10"].min() if model.height else None, 10 / 51, None, model.height, model)  # type: ignore[arg-type]


def _taught_taste(evaluation: pl.DataFrame) -> bool:
    return "positives" in evaluation.columns and bool((evaluation["positives"] == "taste").any())


def _of_listeners(listener_evaluation: pl.DataFrame, system: str, column: str) -> float:
    return float(listener_evaluation.filter(pl.col("system") == system)[column].sum())


def _listeners(listener_evaluation: pl.DataFrame) -> int:
    return int(listener_evaluation["listeners"].max() or 0)  # type: ignore[arg-type]


@rule(blocking=True)
def what_is_served_is_above_the_most_liked(listener_evaluation: pl.DataFrame) -> Finding:
    """By hidden plays, lists by taste are not below the most liked: their interval reaches above its precision.

    Fewer than 100 listeners cannot tell. The reference's rule is below on every world, and is served only by choice.
    """
    judged = _listeners(listener_evaluation)
    highest = _of_listeners(listener_evaluation, "served", "precision_high")
    by_choice = (listener_evaluation["ranking"] == "reference").any()
    if judged < FEWEST_LISTENERS or by_choice:
        return too_few(highest, judged)
    return within(highest, _of_listeners(listener_evaluation, "most liked", "precision"), None, judged)


@rule(blocking=True)
def a_model_taught_taste_is_above_the_most_liked(listener_evaluation: pl.DataFrame) -> Finding:
    """By hidden plays, the five best of all playlists by the model alone are not below the most liked.

    Its interval reaches above their precision. Fewer than 100 listeners cannot tell; a model that was taught likes is
    judged by held-out likes instead.
    """
    judged = _listeners(listener_evaluation)
    highest = _of_listeners(listener_evaluation, "bpr, all playlists", "precision_high")
    if judged < FEWEST_LISTENERS or not _taught_taste(listener_evaluation):
        return too_few(highest, judged)
    return within(highest, _of_listeners(listener_evaluation, "most liked", "precision"), None, judged)


@rule(severity=Severity.WARN)
def playlists_of_one_song_are_worth_their_places(listener_evaluation: pl.DataFrame) -> Finding:
    """By hidden plays, the served lists are not below the same lists without playlists of one song.

    One song that is likely to be played makes a playlist dense in what a listener plays, so that taste shows many of
    these. Whether that is a fault, listeners say: the interval of what is served reaches the precision of the lists
    that go on to the next playlists of several songs. Fewer than 100 listeners cannot tell.
    """
    judged = _listeners(listener_evaluation)
    highest = _of_listeners(listener_evaluation, "served", "precision_high")
    others = _of_listeners(listener_evaluation, OF_SEVERAL_SONGS, "precision")
    return within(highest, others, None, judged) if judged >= FEWEST_LISTENERS else too_few(highest, judged)


@rule(severity=Severity.WARN)
def likes_tell_of_hidden_plays(listener_evaluation: pl.DataFrame) -> Finding:
    """What likes are computed from, the overlap, brings more hidden plays than playlists drawn at random.

    The figure is its precision less chance's; at zero or below, the likes say nothing of what listeners play. Fewer
    than 100 listeners cannot tell.
    """
    judged = _listeners(listener_evaluation)
    chance = _of_listeners(listener_evaluation, "random", "precision")
    above = _of_listeners(listener_evaluation, "song overlap", "precision") - chance
    return within(above, 1e-9, None, judged) if judged >= FEWEST_LISTENERS else too_few(above, judged)


@rule()
def listeners_figures_lie_in_their_intervals(listener_evaluation: pl.DataFrame) -> Finding:
    """Precision and hits lie within their own intervals; precision, at most 1, is a share."""
    wrong = pl.col("precision") > 1
    for name in ("precision", "hits"):
        wrong |= ~pl.col(name).is_between(pl.col(f"{name}_low") - 1e-9, pl.col(f"{name}_high") + 1e-9)
    return offending_rows(listener_evaluation.filter(wrong), listener_evaluation.height)


@rule()
def cold_systems_are_evaluated_once(cold_user_evaluation: pl.DataFrame) -> Finding:
    """(system, number of known songs) occurs once."""
    return duplicates(cold_user_evaluation, "system", "known_songs")


@rule(severity=Severity.WARN)
def cold_intervals_hold_their_figure(cold_user_evaluation: pl.DataFrame) -> Finding:
    """A metric lies within its own 95 % interval, and the interval is not upside down."""
    present = [m for m in METRICS if f"{m}_low" in cold_user_evaluation.columns]
    if not present:
        return offending_rows(cold_user_evaluation.clear(), cold_user_evaluation.height)
    outside = pl.any_horizontal(
        ((pl.col(m) < pl.col(f"{m}_low") - 1e-9) | (pl.col(m) > pl.col(f"{m}_high") + 1e-9)).fill_null(False)
        for m in present
    )
    return offending_rows(cold_user_evaluation.filter(outside), cold_user_evaluation.height)


@rule(severity=Severity.WARN)
def knowing_more_songs_helps(cold_user_evaluation: pl.DataFrame) -> Finding:
    """Folded in from all songs, MRR is not more than 0.02 below that from the fewest: more knowledge is no loss."""
    folded = cold_user_evaluation.filter(pl.col("system") == "fold-in")
    whole, few = folded.filter(pl.col("known_songs").is_null()), folded.sort("known_songs", nulls_last=True)
    if not whole.height or folded.height < 2:
        return too_few(0.0, folded.height)
    return within(whole["mrr"][0] - few["mrr"][0], -MOST_LOST, None, folded.height, folded)


@rule(severity=Severity.WARN)
def who_is_known_by_little_gets_no_worse_than_the_most_liked(cold_user_evaluation: pl.DataFrame) -> Finding:
    """At no number of known songs is the fold-in surely more than 0.01 below the most-liked list, by MRR or Hit@5, or
    surely below it by plays that it did not know of.

    Judged from 30 users on; of fewer the interval itself is not known.
    """
    gains = [gain for gain in ("mrr_gain_high", "hit_5_gain_high") if gain in cold_user_evaluation.columns]
    if not gains:
        # An evaluation of the version before this one, which did not compare.
        return offending_rows(cold_user_evaluation.clear(), cold_user_evaluation.height)
    folded = cold_user_evaluation.filter(pl.col("system") == "fold-in")
    surely = pl.any_horizontal(pl.col(gain) < -LITTLE_LOST for gain in gains)
    worse = surely & (pl.col("users") >= ENOUGH_BATCHES)
    if "precision_gain_high" in folded.columns:
        worse |= (pl.col("precision_gain_high") < 0) & (pl.col("listeners") >= ENOUGH_BATCHES)
    return offending_rows(folded.filter(worse), folded.height)


COLD: tuple[Rule, ...] = tuple(
    replace(shared.on("cold_user_evaluation"), blocking=False)
    for shared in (metrics_are_shares, hits_grow_with_the_list)
)

"""Rules of continuation: the graph, its links, GraphSAGE, figures, answers."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from buddies_assets.sources import answer_findings as found
from quality.rules.verdict import Finding, offending_rows, rule, within

MODEL = found.SERVED["continuation"]
ADDITIVE = 0.999
"""Rank correlation of two playlists' orders from which on the playlist is not looked at."""
TOLD = 0.6
MOST_APART = 0.15
FEWEST_LINKS = 100
MOST_PLAUSIBLE = 0.9


@rule(blocking=True)
def both_directions_agree(playlist_graph: pl.DataFrame, graph_by_song: Mapping[str, np.ndarray]) -> Finding:
    """The edges by song are the edges by playlist."""
    indptr, playlists = graph_by_song["indptr"], graph_by_song["playlists"]
    song = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    other = pl.DataFrame({"playlist": playlists, "song": song}).cast(pl.UInt32)
    keys = ["playlist", "song"]
    wrong = [one.join(two, on=keys, how="anti") for one, two in ((playlist_graph, other), (other, playlist_graph))]
    return offending_rows(pl.concat([frame.select(keys) for frame in wrong]), playlist_graph.height)


def _negatives(links: pl.DataFrame) -> pl.DataFrame:
    drawn = [
        links.select("playlist", "part", pl.col(name).alias("song"), pl.lit(name).alias("kind")).drop_nulls("song")
        for name in ("uniform", "matched")
    ]
    return pl.concat(drawn)


@rule(blocking=True)
def negatives_are_no_links(link_splits: pl.DataFrame) -> Finding:
    """No negative is a song of its playlist, in whatever part."""
    drawn = _negatives(link_splits)
    return offending_rows(drawn.join(link_splits, on=["playlist", "song"], how="semi"), drawn.height)


@rule(blocking=True)
def negatives_are_distinct(link_splits: pl.DataFrame) -> Finding:
    """No negative of one kind is drawn twice for a playlist."""
    drawn = _negatives(link_splits)
    return offending_rows(drawn.filter(drawn.is_duplicated()), drawn.height)


@rule()
def matched_negatives_are_as_popular(link_splits: pl.DataFrame) -> Finding:
    """Degrees of test links and of their matched negatives have one distribution (Kolmogorov-Smirnov distance)."""
    train = link_splits.filter(pl.col("part").cast(pl.String) == "train").group_by("song").len("of_negative")
    test = link_splits.filter((pl.col("part").cast(pl.String) == "test") & pl.col("matched").is_not_null())
    both = test.join(train, left_on="matched", right_on="song", how="left").with_columns(
        pl.col("of_negative").fill_null(0)
    )
    if both.height < FEWEST_LINKS:
        return within(0.0, None, MOST_APART, both.height)
    one, other = (np.sort(both[name].to_numpy()) for name in ("degree", "of_negative"))
    at = np.unique(np.concatenate([one, other]))
    apart = np.abs(np.searchsorted(one, at, "right") - np.searchsorted(other, at, "right")).max() / both.height
    return within(float(apart), None, MOST_APART, both.height)


@rule(asset="graphsage_checkpoint", blocking=True)
def playlists_order_songs_differently(graphsage_orders: pl.DataFrame) -> Finding:
    """Two playlists put songs in different orders: an additive model has one order for all."""
    ranks = graphsage_orders.select(pl.all().rank())
    return within(float(np.corrcoef(ranks["first"], ranks["second"])[0, 1]), None, ADDITIVE, ranks.height)


@rule()
def links_are_told_beside_popularity(link_evaluation: pl.DataFrame) -> Finding:
    """GraphSAGE's AUC against equally popular negatives: a popularity list has 0.5 there."""
    told = link_evaluation.filter(pl.col("system") == "GraphSAGE")["matched_auc"][0]
    return within(told, TOLD, None, link_evaluation.height, link_evaluation.select("system", "auc", "matched_auc"))


@rule(blocking=True)
def continuation_beats_popularity(continuation_evaluation: pl.DataFrame) -> Finding:
    """NDCG, the lower end of its interval, is above that of the most popular songs."""
    return found.beats_popularity(continuation_evaluation, MODEL, "ndcg@500", ("mean",))


@rule(blocking=True)
def continuation_keeps_up(continuation_evaluation: pl.DataFrame, continuation_last: float) -> Finding:
    """The model is not worse than the one that is served."""
    return found.keeps_up(continuation_evaluation, MODEL, "ndcg@500", "mean", continuation_last)


@rule(blocking=True)
def continuation_figures_are_plausible(continuation_evaluation: pl.DataFrame) -> Finding:
    """No model has nine of ten songs right: it must have seen them."""
    return found.plausible(continuation_evaluation, "r_precision", MOST_PLAUSIBLE)


ANSWERS = found.answer_rules("served_continuation", "continuation_answers", "continuations")

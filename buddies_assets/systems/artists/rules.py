"""What must hold of the artists' assets: predicates on the stored frames, as checks of Dagster."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import polars as pl

from buddies_assets.resources.pipeline import Pipeline
from buddies_core.artifact.named_arrays import read_artifact
from quality.check_metadata import CheckFigures


def _result(name: str, offending: int, total: int, value: float | None = None, low: float | None = None):
    figures = CheckFigures(value=value, low=low, offending=offending, total=total)
    return dg.AssetCheckResult(check_name=name, passed=offending == 0, metadata=figures.metadata())


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec("weights_are_finite_and_positive", asset="artist_plays"),
        dg.AssetCheckSpec("ids_are_never_empty", asset="artist_plays"),
    ]
)
def artist_plays_checks(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """Plays that a weight or an id makes unusable are in the quarantine and not here."""
    frame = pipeline.store.open("artist_plays").frame()
    bad = frame.filter(~(pl.col("weight").is_finite() & (pl.col("weight") > 0))).height
    yield _result("weights_are_finite_and_positive", bad, frame.height)
    empty = frame.filter((pl.col("user").str.len_chars() == 0) | (pl.col("item").str.len_chars() == 0)).height
    yield _result("ids_are_never_empty", empty, frame.height)


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec("no_pair_is_in_two_splits", asset="artist_splits"),
        dg.AssetCheckSpec("a_fifth_is_held_out", asset="artist_splits"),
    ]
)
def artist_splits_checks(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """A pair is one row, and about every fifth is `test` (within five deviations of a fair draw)."""
    frame = pipeline.store.open("artist_splits").frame()
    repeated = frame.height - frame.unique(["user", "item"]).height
    yield _result("no_pair_is_in_two_splits", repeated, frame.height)
    share = frame.filter(pl.col("split") == "test").height / max(frame.height, 1)
    apart = abs(share - 0.2) > 5 * float(np.sqrt(0.16 / max(frame.height, 1)))
    yield _result("a_fifth_is_held_out", int(apart), frame.height, value=share)


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec("nothing_played_is_recommended", asset="artist_evaluation"),
        dg.AssetCheckSpec("the_model_beats_popularity", asset="artist_evaluation"),
        dg.AssetCheckSpec("figures_are_plausible", asset="artist_evaluation"),
    ]
)
def artist_evaluation_checks(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """Novelty is exactly 1; the model is above popularity; above 0.6 it must have seen what it is judged by."""
    frame = pipeline.store.open("artist_evaluation").frame()
    unseen = frame.filter(pl.col("metric") == "unseen")
    yield _result("nothing_played_is_recommended", unseen.filter(pl.col("value") < 1.0).height, unseen.height)
    ndcg = dict(frame.filter(pl.col("metric") == "ndcg").select("system", "value").iter_rows())
    floor = max(ndcg["popular by listeners"], ndcg["popular by plays"])
    yield _result("the_model_beats_popularity", int(ndcg["model"] <= floor), 1, value=ndcg["model"], low=floor)
    yield _result("figures_are_plausible", sum(value > 0.6 for value in ndcg.values()), len(ndcg), value=ndcg["model"])


@dg.asset_check(asset="artist_search")
def a_configuration_was_judged(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """At least one trial has a figure; the others say why not."""
    frame = pipeline.store.open("artist_search").frame()
    judged = frame.filter(pl.col("ndcg").is_not_null()).height
    return _single(int(judged == 0), frame.height)


@dg.asset_check(asset="artist_model")
def arrays_are_finite(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """No array of the model holds a NaN or an infinity, which would rank first or nowhere."""
    dataset = pipeline.store.open("artist_model")
    names = [name.removesuffix(".npy") for name in dataset.manifest.parts if name.endswith(".npy")]
    arrays = [dataset.array(name) for name in names]
    bad = sum(not np.isfinite(array).all() for array in arrays if array.dtype.kind == "f")
    return _single(bad, len(arrays))


@dg.asset_check(asset="served_artists")
def lists_hold_each_artist_once(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """No list of the served experiment repeats an artist, and every listener is offered one."""
    lists = read_artifact(pipeline.settings.local_home / "artists" / "lastfm").arrays["lists"]
    kept = [[item for item in row if item >= 0] for row in lists.tolist()]
    wrong = sum(len(row) != len(set(row)) or not row for row in kept)
    return _single(wrong, len(lists))


def _single(offending: int, total: int) -> dg.AssetCheckResult:
    figures = CheckFigures(offending=offending, total=total)
    return dg.AssetCheckResult(passed=offending == 0, metadata=figures.metadata())

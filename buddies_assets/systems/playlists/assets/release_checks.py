"""The known failure modes as checks of `ranked_candidates`: what a model must pass before anybody is served by it."""

from collections.abc import Iterator

import dagster as dg
import numpy as np

from buddies_assets.metadata import finite_metadata
from buddies_assets.release.channels import channels, model_of
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.assets.serving import served_model_root
from buddies_assets.systems.playlists.assets.training import checkpoint_store
from buddies_core.storage.datasets import Dataset

ASSET = "ranked_candidates"
NAMES = (
    "test_set_does_not_regress",
    "cold_users_are_offered_something",
    "users_with_one_song_are_ranked",
    "very_long_libraries_are_ranked",
    "recommendations_cover_the_offer",
    "recommendations_are_spread",
)
BLOCKING = frozenset({"test_set_does_not_regress", "recommendations_cover_the_offer", "recommendations_are_spread"})
"""Checks that keep a model from being served; the others are warnings to look at."""

READS = ("test_batches", "user_library", "playlist_library", "cold_users")
_SPECS = [
    dg.AssetCheckSpec(name, asset=ASSET, blocking=name in BLOCKING, additional_deps=[dg.AssetKey(n) for n in READS])
    for name in NAMES
]


@dg.multi_asset_check(
    name="failure_mode_checks",
    specs=_SPECS,
    ins={name: dg.AssetIn(key=dg.AssetKey(name)) for name in (ASSET, *READS)},
    description="The fixed test set and the known failure modes, judged for the model that was ranked with.",
)
def failure_mode_checks(
    pipeline: dg.ResourceParam[Pipeline],
    ranked_candidates: Dataset,
    test_batches: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    cold_users: Dataset,
) -> Iterator[dg.AssetCheckResult]:
    """One reading of the data for all of them."""
    from buddies_assets.systems.playlists.failure_modes import SHOWN, Offline, judge
    from buddies_assets.systems.playlists.steps.training import spread_bags
    from buddies_core.evaluation.ranks import bag_ranks
    from buddies_core.interactions.csr import Library

    store, threads = checkpoint_store(pipeline), pipeline.settings.worker_threads
    model = ranked_candidates.manifest.params["version"]
    bags = spread_bags(test_batches)
    best = ranked_candidates.frame(["user", "playlists"])
    offered = best["playlists"].explode().drop_nulls().n_unique()
    flat = best.with_columns(best["playlists"].list.head(SHOWN)).explode("playlists").drop_nulls("playlists")
    n_users, n_playlists = user_library.manifest.rows, playlist_library.manifest.rows
    cold = np.zeros(n_users, bool)
    cold[cold_users.frame(["user"])["user"].to_numpy()] = True
    offline = Offline(
        shown=Library.from_pairs(flat["user"].to_numpy(), flat["playlists"].to_numpy(), n_users, n_playlists),
        test_ranks=bag_ranks(store.factors(model), bags, threads=threads),
        test_users=bags.users,
        test_positives=bags.positives,
        user_songs=user_library.frame(["songs"])["songs"].to_numpy(),
        cold=cold,
        n_offered=offered,
        champion_ranks=_champion_ranks(pipeline, model, bags, n_users, n_playlists),
    )
    for judged in judge(offline, tolerance=pipeline.settings.canary_tolerance):
        blocking = judged.name in BLOCKING
        yield dg.AssetCheckResult(
            passed=bool(judged.passed),
            asset_key=dg.AssetKey(ASSET),
            check_name=judged.name,
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            description=judged.text,
            metadata=finite_metadata(
                {
                    "rule": dg.MetadataValue.md(judged.text),
                    "value": float(judged.value),
                    "high" if judged.at_most else "low": float(judged.limit),
                    "looked at": int(judged.looked_at),
                    "model": model,
                    "severity": "error" if blocking else "warn",
                }
            ),
        )


def _champion_ranks(pipeline: Pipeline, model: str, bags, n_users: int, n_playlists: int) -> np.ndarray | None:
    """The champion's ranks of this test set; None without one, or when it knows other users or playlists."""
    from buddies_core.evaluation.ranks import bag_ranks

    served = channels(served_model_root(pipeline.settings))
    store = checkpoint_store(pipeline)
    if served is None or model_of(served.champion) == model or model_of(served.champion) not in store.versions():
        return None
    factors = store.factors(model_of(served.champion))
    if (len(factors.users), len(factors.playlists)) != (n_users, n_playlists):
        return None
    return bag_ranks(factors, bags, threads=pipeline.settings.worker_threads)

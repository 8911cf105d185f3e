"""The known failure modes as checks of `ranked_candidates`: what a model must pass before anybody is served by it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np

from buddies_assets.release.channels import channels, model_of
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.assets.serving import served_model_root
from buddies_assets.systems.playlists.assets.training import checkpoint_store
from buddies_core.artifact.errors import ModelFormatError
from buddies_core.interactions.labelled import load_keys
from buddies_core.interactions.numbers import numbered_rows
from buddies_core.storage.dataset import Dataset
from quality.finite_metadata import finite_metadata

if TYPE_CHECKING:
    from buddies_core.recommenders.bpr.data import EvaluationCases

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
    from buddies_assets.systems.playlists.steps.tracked_training import learnt
    from buddies_assets.systems.playlists.steps.training import spread_cases
    from buddies_core.evaluation.ranks import case_ranks
    from buddies_core.interactions.csr import Library

    store, threads = checkpoint_store(pipeline), pipeline.settings.worker_threads
    model = ranked_candidates.manifest.params["version"]
    cases = spread_cases(test_batches)
    best = ranked_candidates.frame(["user", "playlists"])
    offered = best["playlists"].explode().drop_nulls().n_unique()
    flat = best.with_columns(best["playlists"].list.head(SHOWN)).explode("playlists").drop_nulls("playlists")
    n_users, n_playlists = user_library.manifest.rows, playlist_library.manifest.rows
    cold = np.zeros(n_users, bool)
    cold[cold_users.frame(["user"])["user"].to_numpy()] = True
    offline = Offline(
        shown=Library.from_pairs(flat["user"].to_numpy(), flat["playlists"].to_numpy(), n_users, n_playlists),
        test_ranks=case_ranks(store.factors(model), cases, threads=threads),
        test_users=cases.users,
        test_positives=cases.positives,
        user_songs=user_library.frame(["songs"])["songs"].to_numpy(),
        cold=cold,
        n_offered=offered,
        champion_ranks=_champion_ranks(pipeline, model, cases, user_library, playlist_library),
        by_likes=learnt(store.load(model).lineage) == "likes",
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


def _champion_ranks(
    pipeline: Pipeline, model: str, cases: "EvaluationCases", user_library: Dataset, playlist_library: Dataset
) -> np.ndarray | None:
    """The champion's ranks of this test set, NaN where it lacks the user or a playlist; None without a champion.

    The champion may be of older data: what is served knows users by number and playlists by pid, as these data do.
    """
    from buddies_assets.systems.playlists.champion_ranks import ranks_by_served
    from buddies_core.artifact.store import read_manifest

    root = served_model_root(pipeline.settings)
    served = channels(root)
    if served is None or model_of(served.champion) == model:
        return None
    folder = root / "versions" / served.champion
    try:
        read_manifest(folder)
    except ModelFormatError:
        return None
    numbers, pids = numbered_rows(user_library)["number"].to_numpy(), load_keys(playlist_library)
    return ranks_by_served(folder, cases, numbers, pids, threads=pipeline.settings.worker_threads)

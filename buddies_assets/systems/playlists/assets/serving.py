"""What listeners get: each user's candidates ranked by the model, and the versioned model that the service serves."""

from pathlib import Path

import dagster as dg

from buddies_assets.metadata import OWNERS, SERVING, spread
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.assets.conditions import NEW_RANKING_THAT_PASSED
from buddies_assets.systems.playlists.assets.evaluation import bpr_evaluation
from buddies_assets.systems.playlists.assets.training import bpr_checkpoint, checkpoint_store
from buddies_assets.systems.playlists.own_lists import ListsOfAnotherModelError, why_not_own
from buddies_core.errors import BuddiesError
from buddies_core.registry.checkpoints import Checkpoint
from buddies_core.settings import Settings
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


class NoCheckpointToServeError(BuddiesError):
    """Every checkpoint was rolled back."""


def served_model_root(settings: Settings) -> Path:
    """Folder of the served versions; always local, since the service maps it into memory."""
    return settings.local_home / "served_model"


def checkpoint_to_serve(pipeline: Pipeline) -> Checkpoint:
    """The newest checkpoint that was not rolled back.

    Raises:
        NoCheckpointToServeError: every one was.
        CheckpointNotFoundError: there is none yet.
    """
    from buddies_assets.release.channels import model_to_serve

    store = checkpoint_store(pipeline)
    versions = store.versions()
    chosen = model_to_serve(served_model_root(pipeline.settings), versions)
    if versions and chosen is None:
        raise NoCheckpointToServeError(
            f"All {len(versions)} checkpoints were rolled back: train a new one (train_job)."
        )
    return store.load(chosen) if chosen else store.latest()


@dg.asset(
    group_name=SERVING,
    kinds={"parquet", "numpy"},
    owners=OWNERS,
    deps=[bpr_checkpoint],
    code_version=code_version("buddies_assets.systems.playlists.steps.training"),
)
def ranked_candidates(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    candidates: Dataset,
    taste_candidates: Dataset,
    user_library: Dataset,
) -> dg.Output[Dataset]:
    """What each user is shown, best first: `user, playlists, scores`.

    By taste (the default) the playlists that taste chose, and the neighbours' candidates for users without any; by
    `BUDDIES_RANKING=reference` the neighbours' candidates in the model's order. After a rollback the lists of taste are
    those of the model that was rolled back: nothing is ranked by them, and what is served keeps its lists.
    """
    from buddies_assets.systems.playlists.steps.training import RANKED_CANDIDATES

    checkpoint, checkpoints = checkpoint_to_serve(pipeline), checkpoint_store(pipeline)
    why_not = why_not_own(taste_candidates, checkpoint, checkpoints.versions()[-1])
    if pipeline.settings.ranking == "taste" and why_not:
        raise ListsOfAnotherModelError(why_not)
    params = {"checkpoints": str(checkpoints.root), "version": checkpoint.version, "run": checkpoint.lineage["run_id"]}
    params["ranking"] = pipeline.settings.ranking
    ranges = pipeline.users_in_shards(user_library.manifest.rows)
    inputs = {"candidates": candidates, "taste_candidates": taste_candidates}
    dataset = pipeline.build(context, RANKED_CANDIDATES, inputs, params, ranges)
    ranked = dataset.frame(["playlists"])["playlists"].list.len()
    return dg.Output(dataset, metadata={"model": checkpoint.version, **spread("ranked a user", ranked)})


@dg.asset(
    group_name=SERVING,
    kinds={"numpy"},
    owners=OWNERS,
    automation_condition=NEW_RANKING_THAT_PASSED,
    deps=[
        bpr_checkpoint,
        bpr_evaluation,
        "listener_evaluation",
        "cold_user_evaluation",
        "cold_users",
        "user_pairings",
        "playlist_ownership",
        "mpd_playlists",
        "songs",
    ],
    code_version=code_version("buddies_assets.systems.playlists.steps.serving"),
)
def served_model(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    ranked_candidates: Dataset,
    splits: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
) -> dg.MaterializeResult:
    """The version that the service serves: rankings, titles, neighbours, libraries, factors, as memory-mapped arrays.

    It exists only after every blocking check above it passed; the service takes it up without a restart. A newly
    trained model is the challenger, for a share of the users; a new ranking by the champion takes its place.
    """
    from buddies_assets.release.channels import publish_version
    from buddies_assets.release.sharing import share, take_back
    from buddies_assets.systems.playlists.steps.cold import fold_in_to_serve
    from buddies_assets.systems.playlists.steps.serving import served_arrays
    from buddies_core.artifact.store import write_version
    from buddies_core.interactions.likes import train_popularity
    from buddies_core.storage.sample import sample_of

    store = checkpoint_store(pipeline)
    checkpoint = store.load(ranked_candidates.manifest.params["version"])
    likers = train_popularity(splits, playlist_library.manifest.rows)
    factors = store.factors(checkpoint.version)
    fold_in = fold_in_to_serve(pipeline.store, checkpoint, factors, splits, user_library, playlist_library)
    arrays = served_arrays(pipeline.store, ranked_candidates, factors, likers, fold_in)
    root = served_model_root(pipeline.settings)
    take_back(pipeline.settings)
    version = f"{checkpoint.version}-{ranked_candidates.fingerprint[:8]}-{context.run.run_id[:8]}"
    folder = write_version(
        root,
        version,
        arrays,
        run_id=context.run.run_id,
        model_version=checkpoint.version,
        metrics=checkpoint.metrics,
        data_fingerprint=ranked_candidates.fingerprint,
        song_key_scheme=pipeline.settings.match,
        extra={"users": user_library.fingerprint, "sample": sample_of(pipeline.store)},
    )
    _, place = publish_version(root, version, share=pipeline.settings.canary_share)
    share(pipeline.settings)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version),
        metadata={
            "version": version,
            "model": checkpoint.version,
            "served as": place,
            "bytes": size,
            "users": user_library.manifest.rows,
            "playlists": playlist_library.manifest.rows,
            "path": dg.MetadataValue.path(str(folder)),
        },
    )

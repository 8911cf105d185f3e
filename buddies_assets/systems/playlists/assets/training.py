"""The ranking model: a start by ALS, a search for its configuration, and its trained versions."""

from dataclasses import asdict

import dagster as dg
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, TRAINING, plain, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.own_lists import TASTE
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


def checkpoint_store(pipeline: Pipeline) -> CheckpointStore:
    """Where the versions of the model are kept."""
    return CheckpointStore.at(pipeline.settings.home)


@dg.asset(
    group_name=TRAINING,
    kinds={"numpy", "numba"},
    owners=OWNERS,
    code_version=code_version(
        "buddies_core.recommenders.als", "buddies_core.recommenders.bpr.config", "buddies_core.interactions.likes"
    ),
)
def als_factors(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    splits: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
) -> dg.Output[Dataset]:
    """Factors of train likes by alternating least squares: where BPR starts, and a baseline in its own right.

    One row a side; the factors are the parts `users` and `playlists`.
    """
    from buddies_assets.systems.playlists.steps.training import stored_keys
    from buddies_core.interactions.labelled import load_library
    from buddies_core.interactions.likes import train_likes
    from buddies_core.recommenders.als import als_factors as factorise
    from buddies_core.recommenders.bpr.config import BEST

    shape = user_library.manifest.rows, playlist_library.manifest.rows
    config = BEST.model_copy(update={"threads": pipeline.settings.worker_threads})
    songs = load_library(user_library) if BEST.start == "joint" else None
    keys = stored_keys(user_library, playlist_library)
    factors = factorise(train_likes(splits, *shape), config, user_songs=songs, keys=keys)
    kept = {name: value for name, value in BEST.model_dump(mode="json").items() if name.startswith("als_")}
    params = kept | {"dimension": BEST.dimension, "item_bias": BEST.item_bias, "seed": BEST.seed}
    writer = pipeline.writer(context, "als_factors", {"splits": splits}, params)
    writer.write_part("users", factors.users)
    writer.write_part("playlists", factors.playlists)
    sizes = {"users": factors.users, "playlists": factors.playlists}
    lengths = [float((values**2).sum(axis=1).mean() ** 0.5) for values in sizes.values()]
    rows = [len(values) for values in sizes.values()]
    facts = pl.DataFrame({"side": list(sizes), "rows": rows, "root_mean_square_length": lengths})
    return dg.Output(writer.commit([writer.write_shard(0, facts)]), metadata={"factors": table(facts)})


@dg.asset(
    group_name=TRAINING,
    kinds={"ray", "optuna"},
    owners=OWNERS,
    code_version=code_version(
        "buddies_assets.systems.playlists.steps.search", "buddies_assets.systems.playlists.steps.training"
    ),
)
def bpr_search(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_blocks: Dataset,
    validation_batches: Dataset,
    scores: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
) -> dg.Output[Dataset]:
    """One row a configuration tried, best first; with the best `bpr_checkpoint` learns likes, unless told otherwise.

    By held-out likes, so that nothing is searched for a model that is taught taste (`BUDDIES_POSITIVES`).
    Ray Tune with ASHA and Optuna. `BUDDIES_SEARCH_TRIALS` and `BUDDIES_SEARCH_SECONDS` bound what it may cost; with no
    trials it holds the best preset alone. A search that was cut off goes on.
    """
    from buddies_assets.systems.playlists.steps import search, tracked_training
    from buddies_assets.systems.playlists.steps.training import training_data

    inputs = {"user_blocks": user_blocks, "validation_batches": validation_batches, "scores": scores}
    data = training_data(user_blocks, validation_batches, scores, user_library, playlist_library)
    found = search.search(pipeline.settings, data)
    frame = pl.DataFrame([trial.row() for trial in found.trials], schema_overrides={"mrr": pl.Float64})
    tracked = search.track(pipeline.settings, found, context.run.run_id, data.fingerprint)
    params = {"trials": pipeline.settings.search_trials}
    writer = pipeline.writer(context, "bpr_search", inputs, params)
    best = found.best.model_dump(mode="json")
    noted = {} if found.note is None else {"note": found.note}
    if found.note is not None:
        say = context.log.info if tracked_training.learns(pipeline.settings) == "taste" else context.log.warning
        say(found.note)
    dataset = writer.commit([writer.write_shard(0, frame)], extra={"best": best})
    numbered = frame.with_row_index("place", offset=1)
    plot = plots.lines(numbered, "place", ["mrr"], "Validation MRR of the trials, best first")
    return dg.Output(
        dataset,
        metadata={"best": dg.MetadataValue.json(best), "trials": table(frame), "plot": plot, **tracked, **noted},
    )


@dg.asset(
    group_name=TRAINING,
    kinds={"numba", "pytorch", "mlflow", "safetensors"},
    owners=OWNERS,
    code_version=code_version(
        "buddies_assets.systems.playlists.steps.tracked_training",
        "buddies_assets.systems.playlists.steps.training",
        "buddies_core.recommenders.bpr.trainer",
    ),
)
def bpr_checkpoint(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_blocks: Dataset,
    validation_batches: Dataset,
    scores: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    training_window: Dataset,
    als_factors: Dataset,
    bpr_search: Dataset,
    taste_positives: Dataset,
) -> dg.MaterializeResult:
    """The newest version of the model: a vector a user and one a playlist, with configuration, metrics and lineage.

    It learns from what taste chose (`BUDDIES_POSITIVES=likes`: from the offline blocks) and from the window of
    feedback, which its lineage holds the watermark of.
    A training that was cut off goes on from its last epoch.
    """
    from buddies_assets.release.retraining_lease import retraining_lease
    from buddies_assets.systems.playlists.steps import tracked_training
    from buddies_assets.systems.playlists.steps.training import training_data
    from buddies_core.postgres.database import feedback_database

    settings = pipeline.settings
    config = tracked_training.configuration(settings, bpr_search)
    learns = tracked_training.learns(settings)
    inputs = {"validation_batches": validation_batches}
    inputs |= (
        {"taste_positives": taste_positives} if learns == "taste" else {"user_blocks": user_blocks, "scores": scores}
    )
    with retraining_lease(feedback_database(settings), context.run.tags, context.run.run_id) as lease:
        data = training_data(
            user_blocks,
            validation_batches,
            scores,
            user_library,
            playlist_library,
            training_window,
            mix=config.negatives,
            positives=taste_positives if learns == "taste" else None,
        )
        job = tracked_training.TrainingJob(
            settings=settings,
            config=config,
            data=data,
            als=tracked_training.stored_als(als_factors, config) if learns == "likes" else None,
            run_id=context.run.run_id,
            datasets={name: dataset.fingerprint for name, dataset in inputs.items()},
            log=context.log.info,
        )
        result, tracked = job.train()
        lease.require_current()
    lineage = {
        "datasets": job.datasets,
        "feedback": training_window.manifest.extra["feedback"] | training_window.manifest.params,
        "events": training_window.manifest.extra.get("events", {}),
        "run_id": context.run.run_id,
        "mode": settings.mode,
        "preset": settings.preset,
        "positives": learns,
        TASTE: pipeline.store.open("taste_candidates").manifest.inputs.get(TASTE),
        "mlflow": tracked,
        "losses": [report.loss for report in result.history],
    }
    saved = checkpoint_store(pipeline).save(result.factors, config, metrics=result.metrics, lineage=lineage)
    job.discard_state()
    epochs = pl.DataFrame([asdict(report) | report.metrics for report in result.history]).drop("metrics")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(saved.version),
        metadata={
            "version": saved.version,
            "path": dg.MetadataValue.path(str(saved.path)),
            "configuration": dg.MetadataValue.json(config.model_dump(mode="json")),
            "epochs": table(epochs),
            "plot": plots.lines(epochs, "epoch", ["mrr", "hit_5"], "Validation MRR and Hit@5 per epoch"),
            **tracked_training.as_metadata(settings, tracked),
            **plain(result.metrics),
        },
    )

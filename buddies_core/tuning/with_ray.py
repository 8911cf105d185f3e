"""The search on a cluster of Ray: Tune, ASHA stopping the bad trials early, Optuna proposing the next."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import TrainingData
from buddies_core.recommenders.bpr.errors import DivergedError, TrainingError
from buddies_core.tuning.bpr_space import SearchSettings, beginning, bpr_space, chosen_config
from buddies_core.tuning.space import Choice, Search
from buddies_core.tuning.trials import Trial


class RayNotStartedError(TrainingError):
    """Ray's local cluster did not come up; the message is Ray's reason."""


def search_with_ray(base: TrainingConfig, data: TrainingData, settings: SearchSettings, *, folder: Path) -> list[Trial]:
    """The trials of a search around `base`; it goes on with those in `folder`.

    Raises:
        RayNotStartedError: Ray's local cluster did not come up.
    """
    from ray import tune

    libraries = data.user_songs is not None
    with _ray(settings):
        trainable = tune.with_resources(
            tune.with_parameters(_trial, base=base, data=data, epochs=settings.epochs), {"cpu": settings.cpus}
        )
        where = str(folder / "trials")
        if not any((folder / "trials").glob("_trial*")):
            # Ray would restore a search that died before its first trial, and then not try the others.
            shutil.rmtree(where, ignore_errors=True)
        if tune.Tuner.can_restore(where):
            tuner = tune.Tuner.restore(
                where,
                trainable=trainable,
                resume_unfinished=True,
                resume_errored=True,
                param_space=_space(base, settings, libraries),
            )
        else:
            tuner = _tuner(base, settings, folder, trainable, libraries=libraries)
        grid = tuner.fit()
        # A trial that was proposed when the time was over has no configuration.
        begun = [result for result in (grid[i] for i in range(len(grid))) if result.config is not None]
        return [_read(result, base, settings, pools=data.hard is not None) for result in begun]


def _tuner(base: TrainingConfig, settings: SearchSettings, folder: Path, trainable: Any, *, libraries: bool) -> Any:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    asha = ASHAScheduler(
        time_attr="epoch",
        max_t=max(settings.epochs, settings.grace),
        grace_period=min(settings.grace, settings.epochs),
        reduction_factor=settings.reduction,
    )
    return tune.Tuner(
        trainable,
        param_space=_space(base, settings, libraries),
        tune_config=tune.TuneConfig(
            metric="mrr",
            mode="max",
            num_samples=settings.trials,
            max_concurrent_trials=settings.concurrent,
            time_budget_s=settings.seconds,
            search_alg=OptunaSearch(
                seed=settings.seed, points_to_evaluate=beginning(base, settings, libraries=libraries)
            ),
            scheduler=asha,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(folder),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            failure_config=tune.FailureConfig(max_failures=1),
        ),
    )


def _space(base: TrainingConfig, settings: SearchSettings, libraries: bool) -> dict[str, Any]:
    return {name: _domain(mark) for name, mark in bpr_space(base, settings, libraries).items()}


def _domain(mark: Search | Choice) -> Any:
    from ray import tune

    if isinstance(mark, Choice):
        return tune.choice(list(mark.values))
    return tune.loguniform(mark.low, mark.high) if mark.log else tune.uniform(mark.low, mark.high)


def _trial(point: dict[str, Any], *, base: TrainingConfig, data: TrainingData, epochs: int) -> None:
    """One trial, in a worker; resumes from the checkpoint that Ray kept, if any."""
    import tempfile

    from ray import tune

    from buddies_core.recommenders.bpr.state import EpochReport
    from buddies_core.recommenders.bpr.trainer import train

    with tempfile.TemporaryDirectory(prefix="buddies-trial-") as scratch:
        states = Path(scratch) / "states"
        kept = tune.get_checkpoint()
        if kept:
            with kept.as_directory() as folder:
                shutil.copytree(folder, states)

        def report(done: EpochReport) -> None:
            metrics = {"epoch": done.epoch, "loss": done.loss, "samples_per_second": done.samples_per_second}
            tune.report(metrics | done.metrics, checkpoint=tune.Checkpoint.from_directory(str(states)))

        try:
            train(
                chosen_config(base, point, epochs=epochs, pools=data.hard is not None),
                data,
                resume_dir=states,
                on_epoch=report,
            )
        except DivergedError as error:
            tune.report({"epoch": error.epoch, "mrr": 0.0, "diverged": 1})


def _read(result: Any, base: TrainingConfig, settings: SearchSettings, *, pools: bool) -> Trial:
    frame = result.metrics_dataframe
    columns = ("epoch", "loss", "mrr", "hit_1", "hit_5", "hit_10", "ndcg_10", "samples_per_second")
    rows = [] if frame is None else frame[[c for c in columns if c in frame]].dropna(axis=1).to_dict("records")
    metrics = result.metrics or {}
    if result.error is not None:
        state = "failed"
    elif metrics.get("diverged") == 1:
        state = "diverged"
    else:
        state = "ended" if len(rows) >= settings.epochs else "stopped"
    best = max((row["mrr"] for row in rows), default=0.0) if state in ("ended", "stopped") else 0.0
    config = chosen_config(base, result.config, epochs=settings.epochs, pools=pools)
    name = str(metrics.get("trial_id", Path(result.path).name))
    return Trial(name, config, float(best), float(metrics.get("time_total_s", 0.0)), state, rows)


@contextmanager
def _ray(settings: SearchSettings) -> Iterator[None]:
    """A cluster: one that runs already, the one named, or a local one that ends with the search."""
    import os

    import ray

    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
    os.environ.setdefault("RAY_usage_stats_enabled", "0")
    if ray.is_initialized():
        yield
        return
    if settings.ray_address:
        ray.init(address=settings.ray_address, log_to_driver=False)
    else:
        cores = max(1, round(settings.concurrent * settings.cpus))
        try:
            # this machine's trials alone: at any other address strangers could have it run what they like
            ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
        except Exception as error:
            # Ray raises bare exceptions when its processes are not up within its own time limits, as under load.
            ray.shutdown()
            raise RayNotStartedError(str(error).splitlines()[0] or type(error).__name__) from error
    try:
        yield
    finally:
        ray.shutdown()

"""Search for a training configuration: Ray Tune, ASHA stopping the bad trials early, Optuna proposing the next.

The folder given holds the state of the search: called again with the same one, it goes on with the trials that had not
ended, each from its last epoch. Trials only report; whoever called logs them (concurrent writers break a small MLflow
database). A trial that diverges is recorded with an MRR of 0, so that it cannot win.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from buddies_core.json_text import finite
from buddies_core.recommenders.bpr.config import NegativeMix, TrainingConfig
from buddies_core.recommenders.bpr.data import TrainingData
from buddies_core.recommenders.bpr.errors import DivergedError, TrainingError

log = logging.getLogger(__name__)

MIXES: dict[str, dict[str, int]] = {
    "2 hard 2 easy": {"hard": 2, "easy": 2},
    "1 hard 3 uniform": {"hard": 1, "uniform": 3},
    "4 uniform": {"uniform": 4},
    "2 uniform 2 popular": {"uniform": 2, "popular": 2},
    "4 popular": {"popular": 4},
}
"""Negatives a search chooses among; without pools the hard and easy ones are those stored in the blocks."""

_SOURCES = ("hard", "easy", "uniform", "popular")
_RATES = {True: (1e-4, 1e-2), False: (5e-3, 1e-1)}
_DECAYS, _PENALTIES = (0.6, 1.0), (1e-6, 1e-2)


class SearchFailedError(TrainingError):
    """No trial of a search reported anything."""


class RayNotStartedError(TrainingError):
    """Ray's local cluster did not come up; the message is Ray's reason."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that is one of a few values."""

    values: tuple[Any, ...]

    def of_ray(self) -> Any:
        """The choice as Ray Tune's domain."""
        from ray import tune

        return tune.choice(list(self.values))

    def suggest(self, trial: Any, name: str) -> Any:
        """Optuna's suggestion for a trial."""
        return trial.suggest_categorical(name, list(self.values))


@dataclass(frozen=True, slots=True)
class Between:
    """A setting that is a number of a range; with `log` its logarithm is even."""

    low: float
    high: float
    log: bool = False

    def of_ray(self) -> Any:
        """The range as Ray Tune's domain."""
        from ray import tune

        return tune.loguniform(self.low, self.high) if self.log else tune.uniform(self.low, self.high)

    def suggest(self, trial: Any, name: str) -> float:
        """Optuna's suggestion for a trial."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)


class SearchSettings(BaseModel):
    """What a search may try and may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int = Field(default=8, ge=1, le=1_000, description="Configurations tried.")
    epochs: int = Field(default=5, ge=1, le=200, description="Epochs of a trial that is not stopped.")
    seconds: float = Field(default=900.0, gt=0, description="No new epoch is begun after so long.")
    concurrent: int = Field(default=2, ge=1, description="Trials at once.")
    cpus: float = Field(default=1.0, gt=0, description="Cores that a trial occupies.")
    grace: int = Field(default=1, ge=1, description="Epochs that every trial gets.")
    reduction: int = Field(default=3, ge=2, description="ASHA keeps one in so many at each rung.")
    dimensions: tuple[int, ...] = Field(default=(64, 128), description="Lengths of a factor tried.")
    batches: tuple[int, ...] = Field(default=(8_192, 16_384), description="Batches tried; torch alone has any.")
    ray_address: str | None = Field(default=None, description="An existing cluster; otherwise a local one is started.")
    seed: int = Field(default=1, ge=0, description="Of the searcher.")


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration tried. `epochs` holds each epoch's metrics; `state` is ended, stopped, diverged or failed."""

    name: str
    config: TrainingConfig
    mrr: float
    seconds: float
    state: str
    epochs: list[dict[str, float]] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """The trial as a row of a table."""
        flat = self.config.model_dump(mode="json")
        mix = {k: v for k, v in flat.pop("negatives").items() if v}
        kept = ("backend", "dimension", "learning_rate", "decay", "l2", "item_bias", "start", "batch_size")
        found = {
            "mrr": finite(self.mrr),
            "state": self.state,
            "epochs": len(self.epochs),
            "seconds": self.seconds,
        }
        return {"trial": self.name, **found, "negatives": str(mix), **{name: flat[name] for name in kept}}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The winner, and all trials with the best first; `note` says what was not as asked for."""

    best: TrainingConfig
    trials: list[Trial]
    note: str | None = None


def search(base: TrainingConfig, data: TrainingData, settings: SearchSettings, *, folder: Path) -> SearchResult:
    """Search around `base`, beginning or going on in `folder`.

    Raises:
        SearchFailedError: Every trial failed.
    """
    note = None
    try:
        made = _search_with_ray(base, data, settings, folder=folder)
    except RayNotStartedError as error:
        from buddies_core.tuning.in_process import search_in_process

        note = f"Ray did not start ({error}): searched in this process, one trial at a time."
        log.warning(note)
        made = search_in_process(base, data, settings, folder=folder)
    trials = sorted(made, key=lambda trial: -trial.mrr)
    if not any(trial.epochs for trial in trials):
        raise SearchFailedError(f"no trial of {folder} reported an epoch; the logs of Ray's workers are in it")
    return SearchResult(trials[0].config, trials, note)


def _search_with_ray(
    base: TrainingConfig, data: TrainingData, settings: SearchSettings, *, folder: Path
) -> list[Trial]:
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
        return [_read(grid[i], base, settings, pools=data.hard is not None) for i in range(len(grid))]


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


def space_of(base: TrainingConfig, settings: SearchSettings, libraries: bool) -> "dict[str, Choice | Between]":
    """What may be tried of each setting; a joint start needs libraries."""
    space: dict[str, Choice | Between] = {
        "dimension": Choice(settings.dimensions),
        "learning_rate": Between(*_RATES[base.optimiser == "adam"], log=True),
        "decay": Between(*_DECAYS),
        "l2": Between(*_PENALTIES, log=True),
        "mix": Choice(tuple(MIXES)),
        "alpha": Between(0.0, 1.0),
        "start": Choice(("random", "als", "joint") if libraries else ("random", "als")),
        "item_bias": Choice((False, True)),
    }
    if base.backend == "torch":
        space["batch_size"] = Choice(settings.batches)
    return space


def _space(base: TrainingConfig, settings: SearchSettings, libraries: bool) -> dict[str, Any]:
    return {name: range_.of_ray() for name, range_ in space_of(base, settings, libraries).items()}


def beginning(base: TrainingConfig, settings: SearchSettings, *, libraries: bool) -> list[dict[str, Any]]:
    """The first point tried: `base` itself, if the space holds it, so that a search can only improve on it."""
    mix = {name: n for name, n in base.negatives.model_dump().items() if name in _SOURCES and n}
    named = [name for name, counts in MIXES.items() if counts == mix]
    if not named or base.dimension not in settings.dimensions or (base.start == "joint" and not libraries):
        return []
    low, high = _RATES[base.optimiser == "adam"]
    point: dict[str, Any] = {
        "dimension": base.dimension,
        "learning_rate": min(max(base.learning_rate, low), high),
        "decay": min(max(base.decay, _DECAYS[0]), _DECAYS[1]),
        "l2": min(max(base.l2, _PENALTIES[0]), _PENALTIES[1]),
        "mix": named[0],
        "alpha": base.negatives.alpha,
        "start": base.start,
        "item_bias": base.item_bias,
    }
    if base.backend == "torch":
        point["batch_size"] = min(settings.batches, key=lambda size: abs(size - base.batch_size))
    return [point]


def chosen_config(base: TrainingConfig, point: dict[str, Any], *, epochs: int, pools: bool) -> TrainingConfig:
    """The configuration of a point of the search space; `pools` says whether hard and easy ones can be drawn anew."""
    values = dict(point)
    mix = MIXES[values.pop("mix")]
    negatives = NegativeMix(**mix, alpha=values.pop("alpha"), resample=pools or "hard" not in mix)
    return TrainingConfig.model_validate(base.model_dump() | values | {"negatives": negatives, "epochs": epochs})


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

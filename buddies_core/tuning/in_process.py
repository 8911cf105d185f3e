"""The search without a cluster: Optuna alone, trials one after another, bad ones stopped early by successive halving.

For when Ray does not start. Its space and its first point are those of the search with Ray; the study lies in
a journal in the search's folder, so that a search that was cut off goes on with the trials that are left.
"""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import TrainingData
from buddies_core.recommenders.bpr.errors import DivergedError
from buddies_core.tuning.bpr_space import SearchSettings, beginning, bpr_space, chosen_config
from buddies_core.tuning.space import drawn
from buddies_core.tuning.trials import Trial

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)


def search_in_process(
    base: TrainingConfig, data: TrainingData, settings: SearchSettings, *, folder: Path
) -> list[Trial]:
    """The trials of a search around `base`, in the order they were made."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    libraries, pools = data.user_songs is not None, data.hard is not None
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / "in_process.journal"))),
        study_name="search",
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=settings.seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=min(settings.grace, settings.epochs), reduction_factor=settings.reduction
        ),
    )
    if not study.trials:
        for point in beginning(base, settings, libraries=libraries):
            study.enqueue_trial(point)
    until = time.monotonic() + settings.seconds

    def objective(trial: "optuna.Trial") -> float:
        point = {name: drawn(trial, name, mark) for name, mark in bpr_space(base, settings, libraries).items()}
        config = chosen_config(base, point, epochs=settings.epochs, pools=pools)
        trial.set_user_attr("config", config.model_dump(mode="json"))
        return _score(trial, config, data, until)

    left = settings.trials - sum(trial.state.is_finished() for trial in study.trials)
    if left > 0:
        study.optimize(objective, n_trials=left, timeout=settings.seconds, catch=(DivergedError,))
    return [_read(trial) for trial in study.trials if "config" in trial.user_attrs]


def _score(trial: "optuna.Trial", config: TrainingConfig, data: TrainingData, until: float) -> float:
    """The best MRR of a training that ends early when the trial is not promising or the time is over."""
    import optuna

    from buddies_core.recommenders.bpr.state import EpochReport
    from buddies_core.recommenders.bpr.trainer import train

    epochs: list[dict[str, float]] = []

    def report(done: EpochReport) -> None:
        figures = {"epoch": done.epoch, "loss": done.loss, "samples_per_second": done.samples_per_second}
        epochs.append(figures | done.metrics)
        trial.set_user_attr("epochs", epochs)
        trial.report(done.metrics["mrr"], done.epoch)
        if trial.should_prune() or (time.monotonic() > until and done.epoch < config.epochs):
            raise optuna.TrialPruned

    train(config, data, on_epoch=report)
    return max(epoch["mrr"] for epoch in epochs)


def _read(trial: "optuna.trial.FrozenTrial") -> Trial:
    import optuna

    states = {optuna.trial.TrialState.COMPLETE: "ended", optuna.trial.TrialState.PRUNED: "stopped"}
    # A failure is either a divergence, which `optimize` catches, or a process that went away in the middle.
    state = states.get(trial.state, "diverged" if trial.state == optuna.trial.TrialState.FAIL else "failed")
    epochs: list[dict[str, Any]] = trial.user_attrs.get("epochs", [])
    found = max((epoch["mrr"] for epoch in epochs), default=0.0) if trial.state in states else 0.0
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    config = TrainingConfig.model_validate(trial.user_attrs["config"])
    return Trial(f"in-process {trial.number}", config, float(found), seconds, state, epochs)

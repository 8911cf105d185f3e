"""Search for a training configuration: Ray Tune, ASHA stopping the bad trials early, Optuna proposing the next.

The folder given holds the state of the search: called again with the same one, it goes on with the trials that had not
ended, each from its last epoch. Trials only report; whoever called logs them (concurrent writers break a small MLflow
database). A trial that diverges is recorded with an MRR of 0, so that it cannot win.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import TrainingData
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.tuning.bpr_space import SearchSettings
from buddies_core.tuning.in_process import search_in_process
from buddies_core.tuning.trials import Trial
from buddies_core.tuning.with_ray import RayNotStartedError, search_with_ray

log = logging.getLogger(__name__)


class SearchFailedError(TrainingError):
    """No trial of a search reported anything."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The winner, and all trials with the best first; `note` says what was not as asked for."""

    best: TrainingConfig
    trials: list[Trial]
    note: str | None = None


def search(base: TrainingConfig, data: TrainingData, settings: SearchSettings, *, folder: Path) -> SearchResult:
    """Search around `base`, beginning or going on in `folder`.

    Where the time is over before the first epoch ended, `base` is the best, and the note says so.

    Raises:
        SearchFailedError: Every trial failed.
    """
    note = None
    try:
        made = search_with_ray(base, data, settings, folder=folder)
    except RayNotStartedError as error:
        note = f"Ray did not start ({error}): searched in this process, one trial at a time."
        log.warning(note)
        made = search_in_process(base, data, settings, folder=folder)
    trials = sorted(made, key=lambda trial: -trial.mrr)
    if not any(trial.epochs for trial in trials):
        if all(trial.state == "stopped" for trial in trials):
            note = f"{settings.seconds:g} seconds were over before the first epoch ended: nothing was found out."
            log.warning(note)
            return SearchResult(base, [Trial("the start, not searched", base, float("nan"), 0.0, "stopped")], note)
        raise SearchFailedError(f"no trial of {folder} reported an epoch; the logs of Ray's workers are in it")
    return SearchResult(trials[0].config, trials, note)

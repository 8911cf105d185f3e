"""Search for a configuration of any model: Optuna proposes, the caller's objective judges, everything is kept.

The first configuration tried is the one that the search starts from, so a search can only improve on it. With the same
seed and number of trials the same configurations are tried; a limit in seconds may end a search earlier.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.tuning.space import Space, drawn, space_of

Config = TypeVar("Config", bound=BaseModel)
log = logging.getLogger(__name__)


class NothingTunedError(TrainingError):
    """Every trial of a search failed."""


@dataclass(frozen=True, slots=True)
class Tried(Generic[Config]):
    """One configuration tried. `value` is the objective's, larger being better; None with `error` where it failed."""

    number: int
    config: Config
    value: float | None
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Tuned(Generic[Config]):
    """The best configuration, its value, and all that was tried in order."""

    best: Config
    value: float
    trials: list[Tried[Config]]


def tune(
    start: Config,
    objective: Callable[[Config], float],
    *,
    trials: int,
    seed: int,
    seconds: float | None = None,
    space: Space | None = None,
) -> Tuned[Config]:
    """Maximise an objective over the marked fields of a configuration.

    Args:
        start: tried first; gives the fields that are not searched.
        objective: of a configuration, larger being better. A TrainingError or a value that is not finite is a failed
            trial, which cannot win; any other error ends the search.
        seconds: no trial is begun after so long.
        space: what is searched; default: what the configuration's class marks.

    Raises:
        NothingTunedError: every trial failed.
    """
    import optuna

    ranges = space_of(type(start)) if space is None else space
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    if ranges:
        study.enqueue_trial({name: getattr(start, name) for name in ranges}, skip_if_exists=True)
    tried: list[Tried[Config]] = []
    began = time.monotonic()
    for number in range(trials if ranges else 1):
        if tried and seconds is not None and time.monotonic() - began > seconds:
            break
        trial = study.ask()
        values = start.model_dump() | {name: drawn(trial, name, mark) for name, mark in ranges.items()}
        config = start if number == 0 else type(start).model_validate(values)
        done = _judge(number, config, objective)
        tried.append(done)
        study.tell(trial, done.value, state=None if done.error is None else optuna.trial.TrialState.FAIL)
    good = [trial for trial in tried if trial.value is not None]
    if not good:
        raise NothingTunedError(f"all {len(tried)} trials failed; the first said: {tried[0].error}")
    best = max(good, key=lambda trial: (trial.value or 0.0, -trial.number))
    return Tuned(best.config, float(best.value or 0.0), tried)


def _judge(number: int, config: Config, objective: Callable[[Config], float]) -> Tried[Config]:
    import math

    began = time.perf_counter()
    try:
        value = float(objective(config))
        error = None if math.isfinite(value) else f"the objective was {value}"
    except TrainingError as failure:
        value, error = math.nan, str(failure)
    seconds = time.perf_counter() - began
    log.info("trial %d: %s in %.1f s", number, error or f"{value:.4f}", seconds)
    return Tried(number, config, None if error else value, seconds, error)

"""Search of any configuration: where it begins, what it keeps, and what cannot win."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.tuning.space import Choice, Search, space_of
from buddies_core.tuning.tune import NothingTunedError, tune


class Config(BaseModel):
    ridge: Annotated[float, Search(1.0, 100.0, log=True)] = Field(default=2.0, gt=0)
    factors: Annotated[int, Search(8, 64, step=8)] = 16
    kind: Annotated[str, Choice(("a", "b"))] = "a"
    fixed: int = 7


def value(config: Config) -> float:
    return -abs(config.ridge - 30.0) - abs(config.factors - 48) + (config.kind == "b")


def test_only_marked_fields_are_searched():
    assert set(space_of(Config)) == {"ridge", "factors", "kind"}


def test_the_start_is_tried_first_and_the_best_of_all_is_found_again_with_the_same_seed():
    first, again = (tune(Config(), value, trials=25, seed=3) for _ in range(2))
    assert first.trials[0].config == Config()
    assert first.value == max(value(trial.config) for trial in first.trials) > value(Config())
    assert [trial.config for trial in first.trials] == [trial.config for trial in again.trials]
    assert all(trial.config.fixed == 7 and trial.config.factors % 8 == 0 for trial in first.trials)


def test_a_trial_that_fails_or_is_not_finite_is_kept_and_cannot_win():
    def half(config: Config) -> float:
        if config.kind == "b":
            raise TrainingError("kind b diverged")
        return float("nan") if config.factors > 40 else value(config)

    found = tune(Config(), half, trials=25, seed=1)
    assert found.best.kind == "a"
    assert found.best.factors <= 40
    assert {trial.error for trial in found.trials} == {None, "kind b diverged", "the objective was nan"}


def test_a_search_without_a_good_trial_says_what_the_first_said():
    def fails(config: Config) -> float:
        raise TrainingError("no interaction")

    with pytest.raises(NothingTunedError, match="all 3 trials failed; the first said: no interaction"):
        tune(Config(), fails, trials=3, seed=0)


def test_a_fault_of_the_program_is_not_a_failed_trial():
    with pytest.raises(ZeroDivisionError):
        tune(Config(), lambda config: 1 / 0, trials=3, seed=0)


def test_no_trial_begins_after_the_time_but_the_start_is_always_tried():
    assert len(tune(Config(), value, trials=25, seed=0, seconds=0.0).trials) == 1

"""Promotion and rollback: right with the stated confidence, however often one looks."""

import numpy as np
import pytest

from buddies_assets.release.canary_policy import Action, Arm, CanaryPolicy, decide

POLICY = CanaryPolicy(confidence=0.95, margin=0.1, fewest=200, most=30_000)


def trial(rng: np.random.Generator, champion: float, challenger: float, step: int = 100) -> Action:
    """Looks after every `step` recommendations of each arm, until there is a decision."""
    a = b = n = 0
    while True:
        n += step
        a, b = a + int(rng.binomial(step, champion)), b + int(rng.binomial(step, challenger))
        action = decide(Arm(n, a), Arm(n, b), POLICY).action
        if action is not Action.WAIT:
            return action


def share(action: Action, champion: float, challenger: float, worlds: int = 200) -> float:
    rng = np.random.default_rng(7)
    return sum(trial(rng, champion, challenger) is action for _ in range(worlds)) / worlds


def test_a_challenger_that_is_worse_by_more_than_the_margin_is_hardly_ever_promoted():
    assert share(Action.PROMOTE, 0.30, 0.27) <= 0.05 + 0.03


def test_a_challenger_as_good_as_the_champion_is_hardly_ever_rolled_back_and_mostly_promoted():
    assert share(Action.ROLL_BACK, 0.3, 0.3) <= 0.05 + 0.03
    assert share(Action.PROMOTE, 0.3, 0.3) >= 0.9


def test_a_better_challenger_is_promoted_and_a_clearly_worse_one_rolled_back():
    assert share(Action.PROMOTE, 0.3, 0.36, worlds=40) == 1.0
    assert share(Action.ROLL_BACK, 0.3, 0.2, worlds=40) == 1.0


def test_nothing_is_decided_before_the_fewest_recommendations_unless_checks_fail():
    few = decide(Arm(5_000, 1_500), Arm(199, 0), POLICY)
    assert few.action is Action.WAIT
    assert "199 of at least 200" in few.reason
    failed = decide(Arm(5_000, 1_500), Arm(0, 0), POLICY, failed_checks=("recommendations_cover_the_offer",))
    assert failed.action is Action.ROLL_BACK
    assert "recommendations_cover_the_offer" in failed.reason


def test_an_endless_trial_ends_with_the_champion():
    undecided = decide(Arm(30_000, 600), Arm(30_000, 555), POLICY)
    assert undecided.action is Action.ROLL_BACK
    assert "not shown to be as good" in undecided.reason


@pytest.mark.parametrize("arm", [Arm(0, 0), Arm(1, 1), Arm(3, 7)])
def test_arms_of_hardly_any_feedback_are_waited_for(arm):
    assert decide(arm, arm, CanaryPolicy(fewest=1)).action is Action.WAIT

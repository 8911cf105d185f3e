"""When a retraining is started: the decision alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from buddies_assets.release.retraining_policy import (
    RetrainingInputs,
    RetrainRun,
    RetryPolicy,
    RunState,
    decide_raw_files,
    decide_retraining,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RETRIES = RetryPolicy(lost_after=timedelta(minutes=5), first_pause=timedelta(minutes=1))
ENOUGH = RetrainingInputs(NOW, "000007", 2_000, 2_000)


def ran(state: RunState, minutes: float, after: str = "000007", run_id: str = "run-1", attempt: int = 1) -> RetrainRun:
    return RetrainRun(run_id, after, attempt, state, NOW - timedelta(minutes=minutes))


def test_too_few_sessions_are_counted_in_the_reason():
    decision = decide_retraining(replace(ENOUGH, new_sessions=1_114), RETRIES)
    assert decision.run_key is None
    assert decision.reason == "1,114 of 2,000 sessions since bpr_checkpoint 000007"


def test_enough_sessions_start_one_run_and_the_same_tick_twice_asks_for_the_same():
    first, second = decide_retraining(ENOUGH, RETRIES), decide_retraining(ENOUGH, RETRIES)
    assert first.run_key == second.run_key == "retrain-after-000007-attempt-1"


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.STARTING, RunState.RUNNING])
def test_nothing_is_started_while_a_retraining_is_in_flight(state):
    decision = decide_retraining(replace(ENOUGH, runs=(ran(state, 4),)), RETRIES)
    assert decision.run_key is None
    assert "in flight" in decision.reason


def test_a_queued_run_is_waited_for_however_long():
    decision = decide_retraining(replace(ENOUGH, runs=(ran(RunState.QUEUED, 600),)), RETRIES)
    assert decision.run_key is None
    assert decision.lost == ()


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.RUNNING])
def test_a_run_whose_process_died_is_reported_and_the_next_attempt_started_at_once(state):
    decision = decide_retraining(replace(ENOUGH, runs=(ran(state, 6),)), RETRIES)
    assert decision.lost == ("run-1",)
    assert decision.run_key == "retrain-after-000007-attempt-2"


def test_a_failed_run_is_tried_again_after_a_pause_that_doubles():
    once = replace(ENOUGH, runs=(ran(RunState.FAILED, 0.5),))
    assert decide_retraining(once, RETRIES).run_key is None
    assert decide_retraining(replace(once, runs=(ran(RunState.FAILED, 1.1),)), RETRIES).run_key.endswith("attempt-2")
    first = ran(RunState.FAILED, 9, run_id="run-0")
    twice = (ran(RunState.FAILED, 1.5, attempt=2), first)
    assert decide_retraining(replace(ENOUGH, runs=twice), RETRIES).run_key is None
    older = (ran(RunState.FAILED, 2.5, attempt=2), first)
    assert decide_retraining(replace(ENOUGH, runs=older), RETRIES).run_key.endswith("attempt-3")


def test_an_attempt_that_two_daemons_started_is_one_attempt_also_when_both_runs_have_failed():
    twins = (ran(RunState.FAILED, 1.1), ran(RunState.FAILED, 1.2, run_id="run-2"))
    assert decide_retraining(replace(ENOUGH, runs=twins), RETRIES).run_key == "retrain-after-000007-attempt-2"


def test_the_dead_half_of_an_attempt_that_two_daemons_started_is_reported_while_the_other_half_goes_on():
    twins = (ran(RunState.STARTING, 6), ran(RunState.RUNNING, 0.1, run_id="run-2"))
    decision = decide_retraining(replace(ENOUGH, runs=twins), RETRIES)
    assert (decision.lost, decision.run_key) == (("run-1",), None)
    assert "run-2" in decision.reason


def test_failures_before_another_checkpoint_are_forgotten():
    decision = decide_retraining(replace(ENOUGH, runs=(ran(RunState.FAILED, 0.1, after="000006"),)), RETRIES)
    assert decision.run_key == "retrain-after-000007-attempt-1"


def test_a_degraded_champion_is_retrained_with_little_feedback_but_not_with_none():
    some = replace(ENOUGH, new_sessions=10, degraded="like-rate has fallen")
    assert decide_retraining(some, RETRIES).run_key is not None
    none = decide_retraining(replace(some, new_sessions=0), RETRIES)
    assert none.run_key is None
    assert "nothing new to learn from" in none.reason


def test_while_a_challenger_is_on_trial_nothing_is_trained():
    decision = decide_retraining(replace(ENOUGH, trial="000008"), RETRIES)
    assert decision.run_key is None
    assert "000008 is still on trial" in decision.reason


def test_before_the_first_checkpoint_there_is_nothing_to_retrain():
    assert "materialise" in decide_retraining(replace(ENOUGH, checkpoint=None), RETRIES).reason


def test_a_clock_that_jumps_ahead_and_back_starts_no_second_run_of_the_same_attempt():
    running = (ran(RunState.RUNNING, 1),)
    ahead = decide_retraining(replace(ENOUGH, runs=running, now=NOW + timedelta(days=3)), RETRIES)
    back = decide_retraining(replace(ENOUGH, runs=running, now=NOW - timedelta(days=3)), RETRIES)
    assert ahead.run_key == "retrain-after-000007-attempt-2"
    assert back.run_key is None


def test_the_first_look_at_raw_files_takes_note_and_later_changes_start_a_run():
    files = {"a": "1-1", "b": "2-1"}
    assert decide_raw_files({}, files)[0] is None
    assert decide_raw_files(files, files)[0] is None
    digest, reason = decide_raw_files(files, {"a": "1-2", "c": "3-1"})
    assert digest
    assert reason == "1 new, 1 changed, 1 gone of 2 raw files"

"""Trials, levels and claims as they are kept in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from buddies_assets.release import decision_log
from buddies_assets.release.canary_policy import Arm
from buddies_assets.release.canary_trial import poll_canary
from buddies_assets.release.channels import channels, publish_version, rejected
from buddies_assets.release.commands import promote, rollback
from buddies_assets.release.degradation_test import Evidence
from buddies_assets.release.retraining_lease import (
    AFTER_TAG,
    ATTEMPT_TAG,
    LeaseHeldError,
    SupersededError,
    retraining_lease,
)
from buddies_assets.resources.loop_database import connected
from buddies_core.settings import Settings

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = Settings(canary_fewest=200, track=False)


@pytest.fixture
def on_trial(served_root):
    """A champion 000001 and a challenger 000002 for half of the users."""
    root = served_root("000001-aa-bb", "000002-aa-bb")
    publish_version(root, "000001-aa-bb", share=0.5)
    publish_version(root, "000002-aa-bb", share=0.5)
    return root


def feed(add_served, add_sessions, version: str, lists: int, likes: int, first: int) -> None:
    add_served(version, lists)
    add_sessions(range(first, first + likes), AT, model_version=version)


def test_the_champions_past_does_not_count_in_the_trial(on_trial, connection, add_served, add_sessions):
    feed(add_served, add_sessions, "000001-aa-bb", 1_000, 0, 1)
    assert poll_canary(connection, on_trial, SETTINGS).decision.action == "wait"
    feed(add_served, add_sessions, "000001-aa-bb", 1_000, 300, 1_000)
    feed(add_served, add_sessions, "000002-aa-bb", 1_000, 100, 5_000)
    poll = poll_canary(connection, on_trial, SETTINGS)
    assert poll.decision.action == "roll_back"
    assert poll.decision.difference == pytest.approx(-0.2)


def test_a_promotion_is_recorded_with_its_numbers_and_sets_the_level(on_trial, connection, add_served, add_sessions):
    poll_canary(connection, on_trial, SETTINGS)
    feed(add_served, add_sessions, "000001-aa-bb", 1_000, 200, 1)
    feed(add_served, add_sessions, "000002-aa-bb", 1_000, 300, 5_000)
    poll_canary(connection, on_trial, SETTINGS)
    assert channels(on_trial).champion == "000002-aa-bb"
    made = decision_log.decisions(connection)[0]
    assert (made["action"], made["champion"], made["challenger"]) == ("promoted", "000001", "000002")
    assert made["numbers"]["challenger"] == {"recommendations": 1_000, "likes": 300}
    level, _, so_far = decision_log.level_of(connection, "000002")
    assert so_far == Evidence()
    assert 0.27 < level.like_rate < 0.3
    again = poll_canary(connection, on_trial, SETTINGS)
    assert again.decision is None
    assert len(decision_log.decisions(connection)) == 1


def test_promotion_and_rollback_by_hand_are_recorded_as_such(on_trial, connection, postgres_url, tmp_path):
    settings = Settings(home=str(tmp_path / "home"), postgres_url=postgres_url, track=False)
    assert "000002 is the champion" in promote(settings, reason="looks well")
    assert "000001 is the champion again" in rollback(settings)
    assert rejected(on_trial) == {"000002"}
    made = decision_log.decisions(connection)
    assert [(d["action"], d["automatic"], d["reason"]) for d in made] == [
        ("rolled_back", False, "by hand"),
        ("promoted", False, "looks well"),
    ]


def test_of_two_daemons_that_claim_a_retraining_one_gets_it(connection, postgres_url):
    def take(number: int) -> str:
        with connected(postgres_url) as own:
            return decision_log.take_lease(own, after="000001", attempt=1, run_id=f"run-{number}")

    with ThreadPoolExecutor(4) as pool:
        holders = set(pool.map(take, range(4)))
    assert len(holders) == 1


def test_a_run_started_twice_trains_once_and_one_taken_for_dead_keeps_no_model(connection, postgres_url):
    tags = {AFTER_TAG: "000001", ATTEMPT_TAG: "1"}
    with retraining_lease(postgres_url, tags, "run-1") as held:
        held.require_current()
        with pytest.raises(LeaseHeldError, match="run-1"), retraining_lease(postgres_url, tags, "run-2"):
            pass
        with retraining_lease(postgres_url, tags | {ATTEMPT_TAG: "2"}, "run-3") as newer:
            newer.require_current()
        with pytest.raises(SupersededError, match="run-3"):
            held.require_current()


def test_a_training_by_hand_claims_nothing(postgres_url):
    with (
        retraining_lease(postgres_url, {}, "by-hand") as held,
        retraining_lease(None, {AFTER_TAG: "1", ATTEMPT_TAG: "1"}, "x"),
    ):
        held.require_current()


def test_the_level_is_noted_once(connection):
    first = decision_log.set_level(connection, "000001", Arm(1_000, 300), {1: 300})
    assert decision_log.set_level(connection, "000001", Arm(1_000, 900), {1: 900}) == first

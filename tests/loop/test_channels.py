"""What is served: the places of new versions, promotion, rollback, and what is never served again."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from buddies_assets.release.channels import (
    NoTrialError,
    channels,
    model_to_serve,
    promote_challenger,
    publish_version,
    reject_challenger,
    reject_model,
    rejected,
    restore_previous,
)
from buddies_core.artifact.errors import ModelFormatError
from buddies_core.artifact.store import Challenger, publish


def places(root) -> tuple[str, str | None]:
    served = channels(root)
    return served.champion, served.challenger.version if served.challenger else None


def test_the_first_version_is_the_champion_and_the_next_model_goes_on_trial(served_root):
    root = served_root("000001-a-a", "000002-a-a")
    assert publish_version(root, "000001-a-a", share=0.1)[1] == "champion"
    assert publish_version(root, "000002-a-a", share=0.1)[1] == "challenger"
    assert places(root) == ("000001-a-a", "000002-a-a")
    assert channels(root).challenger.share == 0.1


def test_new_rankings_replace_those_of_the_same_model_and_leave_the_other_alone(served_root):
    root = served_root("000001-a-a", "000002-a-a", "000001-b-b", "000002-b-b")
    for version in ("000001-a-a", "000002-a-a", "000001-b-b", "000002-b-b"):
        publish_version(root, version, share=0.1)
    assert places(root) == ("000001-b-b", "000002-b-b")


def test_a_model_of_newer_data_goes_on_trial_against_the_champion_of_older_ones(served_root):
    root = served_root("000001-a-a", users="abc")
    publish_version(root, "000001-a-a", share=0.1)
    served_root("000002-a-a", users="abcde")
    assert publish_version(root, "000002-a-a", share=0.1)[1] == "challenger"
    promote_challenger(root)
    served_root("000003-a-a", users="abcd")
    assert publish_version(root, "000003-a-a", share=0.1)[1] == "challenger"


def test_without_a_canary_or_where_numbers_are_other_users_a_model_is_the_champion_at_once(served_root):
    root = served_root("000001-a-a", "000002-a-a")
    publish_version(root, "000001-a-a", share=0.1)
    assert publish_version(root, "000002-a-a", share=0.0)[1] == "champion"
    served_root("000003-a-a", users="acbd")
    assert publish_version(root, "000003-a-a", share=0.1)[1] == "champion"


def test_a_champion_of_an_older_format_is_replaced_at_once_and_not_rolled_back_to(served_root):
    root = served_root("000001-a-a", number=1)
    publish(root, "000001-a-a")
    served_root("000001-b-b", "000002-a-a")
    served, place = publish_version(root, "000002-a-a", share=0.1)
    assert (place, served.champion, served.challenger) == ("champion", "000002-a-a", None)
    publish(root, "000001-a-a", challenger=Challenger("000002-a-a", 0.1))
    promote_challenger(root)
    with pytest.raises(ModelFormatError, match="materialise the asset served_model again"):
        restore_previous(root)
    assert channels(root).champion == "000002-a-a"
    assert rejected(root) == set()


def test_a_promotion_can_be_undone_and_what_was_undone_is_not_served_again(served_root):
    root = served_root("000001-a-a", "000002-a-a")
    publish_version(root, "000001-a-a", share=0.1)
    publish_version(root, "000002-a-a", share=0.1)
    assert promote_challenger(root) == ("000001", "000002")
    assert places(root) == ("000002-a-a", None)
    assert restore_previous(root) == ("000001", "000002")
    assert places(root) == ("000001-a-a", None)
    assert model_to_serve(root, ["000001", "000002"]) == "000001"
    with pytest.raises(NoTrialError, match="neither"):
        restore_previous(root)


def test_a_rejected_challenger_leaves_the_champion_and_is_skipped_by_later_rankings(served_root):
    root = served_root("000001-a-a", "000002-a-a")
    publish_version(root, "000001-a-a", share=0.1)
    publish_version(root, "000002-a-a", share=0.1)
    assert reject_challenger(root) == ("000001", "000002")
    assert places(root) == ("000001-a-a", None)
    assert rejected(root) == {"000002"}
    assert not reject_model(root, "000002")
    assert model_to_serve(root, ["000001", "000002", "000003"]) == "000003"
    assert model_to_serve(root, ["000002"]) is None


def test_a_version_whose_model_was_rolled_back_while_it_was_written_is_served_to_nobody(served_root):
    root = served_root("000001-a-a", "000002-a-a", "000002-b-b")
    publish_version(root, "000001-a-a", share=0.5)
    publish_version(root, "000002-a-a", share=0.5)
    reject_challenger(root)
    for share in (0.5, 0.0):
        assert publish_version(root, "000002-b-b", share=share) == (channels(root), "nobody")
        assert places(root) == ("000001-a-a", None)


def test_a_decision_about_one_challenger_does_not_touch_another(served_root):
    root = served_root("000001-a-a", "000003-a-a")
    publish_version(root, "000001-a-a", share=0.1)
    publish_version(root, "000003-a-a", share=0.1)
    for act in (promote_challenger, reject_challenger):
        with pytest.raises(NoTrialError, match="no longer 000002"):
            act(root, expected="000002")
    assert places(root) == ("000001-a-a", "000003-a-a")


def test_of_many_that_promote_at_once_one_does(served_root):
    root = served_root("000001-a-a", "000002-a-a")
    publish_version(root, "000001-a-a", share=0.1)
    publish_version(root, "000002-a-a", share=0.1)

    def act(_: int) -> bool:
        try:
            promote_challenger(root, expected="000002")
        except NoTrialError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(act, range(8))) == 1
    assert places(root) == ("000002-a-a", None)

"""Known failure modes of a ranking model, each found by the check that is named after it."""

from dataclasses import replace

import numpy as np

from buddies_assets.systems.playlists.failure_modes import Offline, judge
from buddies_core.interactions.csr import Library

USERS, PLAYLISTS = 400, 1_000


def healthy() -> Offline:
    """Everybody is shown five playlists of their own; ranks are good for all; three test positives a user."""
    users = np.repeat(np.arange(USERS), 5)
    shown = (users * 7 + np.tile(np.arange(5), USERS) * 131) % PLAYLISTS
    test_users = np.repeat(np.arange(USERS), 3)
    return Offline(
        shown=Library.from_pairs(users, shown, USERS, PLAYLISTS),
        test_ranks=np.tile([1, 2, 4], USERS),
        test_users=test_users,
        test_positives=test_users % PLAYLISTS,
        user_songs=1 + np.arange(USERS) % 40,
        cold=np.arange(USERS) % 20 == 0,
        n_offered=PLAYLISTS,
        champion_ranks=np.tile([1, 2, 4], USERS),
    )


def failing(offline: Offline, tolerance: float = 0.02) -> set[str]:
    return {judged.name for judged in judge(offline, tolerance=tolerance) if not judged.passed}


def test_a_healthy_model_passes_every_check():
    assert failing(healthy()) == set()


def test_a_model_that_ranks_the_test_set_worse_than_the_champion_regresses():
    worse = replace(healthy(), test_ranks=np.tile([1, 3, 5], USERS))
    assert failing(worse) == {"test_set_does_not_regress"}
    assert failing(worse, tolerance=0.3) == set()
    assert failing(replace(worse, champion_ranks=None)) == set()


def test_a_model_taught_taste_is_shown_its_loss_of_likes_and_not_held_back_by_it():
    worse = replace(healthy(), test_ranks=np.tile([1, 3, 5], USERS), by_likes=False)
    shown = next(j for j in judge(worse, tolerance=0.02) if j.name == "test_set_does_not_regress")
    assert shown.passed
    assert shown.value < shown.limit
    assert "hidden plays judge it" in shown.text


def test_a_model_that_shows_everybody_the_same_five_has_collapsed():
    users = np.repeat(np.arange(USERS), 5)
    same = Library.from_pairs(users, np.tile(np.arange(5), USERS), USERS, PLAYLISTS)
    collapsed = failing(replace(healthy(), shown=same))
    assert collapsed == {"recommendations_cover_the_offer", "recommendations_are_spread"}


def test_users_of_few_and_of_very_many_songs_are_judged_apart():
    offline = healthy()
    for name, group in (
        ("users_with_one_song_are_ranked", offline.user_songs <= 1),
        ("very_long_libraries_are_ranked", offline.user_songs >= 40),
    ):
        lost = np.where(group[offline.test_users], 51, offline.test_ranks)
        assert name in failing(replace(offline, test_ranks=lost, champion_ranks=None)), name


def test_cold_users_without_candidates_are_told():
    offline = healthy()
    rows = np.repeat(np.arange(USERS), 5)
    warm = ~offline.cold[rows]
    nothing = Library.from_pairs(rows[warm], offline.shown.indices[warm], USERS, PLAYLISTS)
    assert failing(replace(offline, shown=nothing)) == {"cold_users_are_offered_something"}

"""What simulated listeners like that no model was given."""

import numpy as np
import pytest

from buddies_assets.simulation.listeners import Preferences
from buddies_assets.simulation.tastes import OfHiddenPlays, OfNiches, OtherWorldError
from buddies_assets.sources.synthetic import text
from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_core.interactions.csr import Library

WORLD = SyntheticWorld(40, 60, 7)


def library(rows: list[list[int]], n_columns: int) -> Library:
    row = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return Library.from_pairs(row, np.array([c for r in rows for c in r], int), len(rows), n_columns)


def ids(*rows: int) -> list[str]:
    return text.user_ids(WORLD, np.array(rows))


def test_niches_weigh_one_in_all_and_the_first_is_among_them():
    users, playlists = WORLD.user_tastes(np.arange(40)), WORLD.playlist_tastes(np.arange(60))
    assert users.sum(1) == pytest.approx(np.ones(40))
    assert playlists.sum(1) == pytest.approx(np.ones(60))
    assert (users[np.arange(40), WORLD.user_niches(np.arange(40))] > 0).all()


def test_the_liking_of_niches_is_by_id_and_pid_wherever_they_stand():
    liking = OfNiches.of(WORLD, ids(5, 3), np.array([50, 20]))
    mine, theirs = WORLD.user_tastes(np.array([3]))[0], WORLD.playlist_tastes(np.array([50, 20]))
    assert liking(1, np.array([1, 0])).tolist() == pytest.approx([theirs[1] @ mine, theirs[0] @ mine])


def test_a_model_of_another_world_is_refused():
    with pytest.raises(OtherWorldError, match="BUDDIES_SYNTHETIC_USERS"):
        OfNiches.of(WORLD, ["f" * 40], np.array([0]))
    with pytest.raises(OtherWorldError):
        OfNiches.of(WORLD, ids(0), np.array([60]))


def test_the_liking_by_hidden_plays_by_hand():
    # New songs 2, 3 of which 3 is hidden: 1 / 3. New song 1 only, not hidden: 0. Nothing new: 0.
    playlists = library([[0, 2, 3], [1], [0]], 4)
    liking = OfHiddenPlays(library([[0]], 4), library([[3]], 4), playlists)
    assert liking(0, np.array([0, 1, 2])).tolist() == pytest.approx([1 / 3, 0.0, 0.0])


def test_listeners_like_what_their_affinity_is_greatest_for_whatever_songs_are_shared():
    users, playlists = library([[0, 1]], 4), library([[0, 1], [2, 3]], 4)

    def only_the_second(_: int, shown: np.ndarray) -> np.ndarray:
        return (shown == 1).astype(float)

    liked = Preferences(users, playlists, seed=1, position_bias=0.0, affinity=only_the_second)
    utilities = liked.utilities(0, np.array([0, 1]))
    assert utilities[1] > utilities[0]

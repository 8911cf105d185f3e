"""Lists as listeners are asked about them."""

import numpy as np

from buddies_assets.systems.playlists import listeners
from buddies_assets.systems.playlists.listeners import best_lists, of_several_songs
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.recommenders.baselines import System


def test_without_playlists_of_one_song_those_behind_them_move_up():
    # Playlists 0 and 2 hold one song. The second listener has nothing else, the third nothing at all.
    playlists = Library.from_pairs(np.array([0, 1, 1, 2, 3, 3]), np.array([0, 0, 1, 2, 1, 2]), 4, 3)
    lists = Ragged(np.array([0, 4, 6, 6]), np.array([0, 3, 2, 1, 2, 0], np.uint32))
    found = of_several_songs(lists, playlists)
    assert found.offsets.tolist() == [0, 2, 2, 2]
    assert found.values.tolist() == [3, 1]


def test_the_best_of_a_system_are_the_same_in_blocks_of_any_size(monkeypatch):
    # Four listeners, seven playlists of which the last is not offered; each of the first four owns one.
    scores = np.random.default_rng(3).integers(0, 3, (4, 7)).astype(np.float32)
    sizes = []

    def rows(users):
        sizes.append(len(users))
        return scores[users]

    def lists():
        found = best_lists(System("drawn", rows), np.arange(4), np.arange(7) < 6, np.array([0, 1, 2, 3, -1, -1, -1]))
        return found.values.reshape(4, 5).tolist()

    expected = [
        sorted((column for column in range(6) if column != user), key=lambda column: -scores[user, column])
        for user in range(4)
    ]
    assert lists() == expected
    monkeypatch.setattr(listeners, "MOST_SCORES", 14)
    assert lists() == expected
    assert sizes == [4, 2, 2]

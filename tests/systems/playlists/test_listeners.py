"""Lists as listeners are asked about them."""

import numpy as np

from buddies_assets.systems.playlists.listeners import of_several_songs
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged


def test_without_playlists_of_one_song_those_behind_them_move_up():
    # Playlists 0 and 2 hold one song. The second listener has nothing else, the third nothing at all.
    playlists = Library.from_pairs(np.array([0, 1, 1, 2, 3, 3]), np.array([0, 0, 1, 2, 1, 2]), 4, 3)
    lists = Ragged(np.array([0, 4, 6, 6]), np.array([0, 3, 2, 1, 2, 0], np.uint32))
    found = of_several_songs(lists, playlists)
    assert found.offsets.tolist() == [0, 2, 2, 2]
    assert found.values.tolist() == [3, 1]

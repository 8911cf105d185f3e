"""What continued test playlists are judged among."""

import numpy as np

from buddies_assets.systems.continuation.steps import of_known
from buddies_core.sequences.query import Query


def test_a_song_that_held_out_playlists_alone_hold_is_never_offered():
    nothing = np.empty(0, np.int64)
    scores = np.array([1.0, 9.0, 2.0], np.float32)
    found = of_known(lambda _: scores, np.array([True, False, True]), Query(nothing, nothing))
    assert found.tolist() == [1.0, -np.inf, 2.0]
    assert scores[1] == 9.0

"""Why a song is served, on four songs by hand."""

from types import SimpleNamespace

import numpy as np
from scipy.sparse import csr_array

from buddies_assets.systems.songs.served import _reasons
from buddies_core.artifact.served_songs import Reason


def test_an_artist_is_a_reason_only_where_both_songs_show_it():
    # song 0 is of a wrong text, so that its artist is not shown; 1 and 2 are by one artist; 3 is near to 0
    artist = np.array([-1, 5, 5, -1])
    alike = csr_array(np.array([[0, 0, 0.2, 0.9], [0, 0, 0.5, 0], [0.2, 0.5, 0, 0], [0.9, 0, 0, 0]], np.float32))
    model = SimpleNamespace(world=SimpleNamespace(alike=alike))
    plays = csr_array(np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]], np.float32))
    lists = np.array([[2, 3], [2, 3], [3, -1]], np.int32)
    reasons, because = _reasons(model, artist, plays, lists)
    assert reasons[:2].tolist() == [[Reason.PLAYED, Reason.PLAYED], [Reason.ARTIST, Reason.PLAYED]]
    assert because.tolist() == [[0, 0], [1, 0], [-1, -1]]
    assert reasons[2, 0] == Reason.LISTENERS

"""What is too small is refused before the work begins, and the message says how much is enough."""

import pytest

from buddies_assets.systems.playlists.smallest import TooFewPlaylistsError, require_playlists


@pytest.mark.parametrize("found", [0, 6, 19])
def test_fewer_playlists_than_can_be_chosen_among_are_refused_with_the_number_that_is_enough(found):
    with pytest.raises(TooFewPlaylistsError, match=f"Only {found} playlists .* at least 20 are needed"):
        require_playlists(found)
    require_playlists(20)

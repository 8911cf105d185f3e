"""What is too small is refused before the work begins, and the message says how much is enough."""

import pytest

from buddies_assets.systems.playlists.smallest import TooFewPlaylistsError, require_playlists


@pytest.mark.parametrize(("found", "batch_negatives", "needed"), [(6, 50, 51), (50, 50, 51), (40, 3, 51), (80, 80, 81)])
def test_fewer_playlists_than_a_batch_needs_are_refused_with_the_number_that_is_enough(found, batch_negatives, needed):
    with pytest.raises(TooFewPlaylistsError, match=f"Only {found} playlists .* at least {needed} are needed"):
        require_playlists(found, batch_negatives)
    require_playlists(needed, batch_negatives)

"""The smallest data that the system can say anything of; less is refused before the work begins."""

from buddies_core.errors import BuddiesError

FEWEST_PLAYLISTS = 20


class TooFewPlaylistsError(BuddiesError):
    """Data with so few playlists that nothing can be chosen among them."""


def require_playlists(found: int) -> None:
    """Nothing where there is something to choose from.

    Args:
        found: playlists that hold a song which somebody plays.

    Raises:
        TooFewPlaylistsError: there are fewer than `FEWEST_PLAYLISTS`.
    """
    if found < FEWEST_PLAYLISTS:
        raise TooFewPlaylistsError(
            f"Only {found} playlists hold a song that somebody plays; at least {FEWEST_PLAYLISTS} are needed. "
            "Read more slices (BUDDIES_MPD_DIR) or more plays (BUDDIES_ENTP_FILE)."
        )

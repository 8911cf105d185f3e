"""The smallest data that the system can say anything of; less is refused before the work begins."""

from buddies_core.errors import BuddiesError
from buddies_core.evaluation.sampled_negatives import N_NEGATIVES


class TooFewPlaylistsError(BuddiesError):
    """Data with so few playlists that no model can be judged."""


def require_playlists(found: int, batch_negatives: int) -> None:
    """Nothing where a held-out like can have its negatives beside it.

    Args:
        found: playlists that hold a song which somebody plays.

    Raises:
        TooFewPlaylistsError: there are not more than a batch has negatives.
    """
    most = max(batch_negatives, N_NEGATIVES)
    if found <= most:
        raise TooFewPlaylistsError(
            f"Only {found} playlists hold a song that somebody plays; at least {most + 1} are needed, since a like is "
            f"judged beside {most} others. Read more slices (BUDDIES_MPD_DIR) or more plays (BUDDIES_ENTP_FILE)."
        )

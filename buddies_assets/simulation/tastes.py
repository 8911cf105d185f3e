"""What simulated listeners like that no model was given: the niches that made a synthetic world, or hidden plays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_core.errors import BuddiesError
from buddies_core.interactions.csr import Library

Affinity = Callable[[int, np.ndarray], np.ndarray]
"""How much playlists (rows) are to a user's (a number) liking: float64, one number a playlist."""


class OtherWorldError(BuddiesError):
    """The served model is of another synthetic world than the settings describe."""


@dataclass(frozen=True)
class OfNiches:
    """The overlap of a listener's niches and a playlist's, each by its weight: what made their songs alike at all.

    Attributes:
        users: row in the world of each user, by number.
        pids: of each playlist, by row; a pid is its row in the world.
    """

    world: SyntheticWorld
    users: np.ndarray
    pids: np.ndarray

    @classmethod
    def of(cls, world: SyntheticWorld, user_ids: list[str], pids: np.ndarray) -> "OfNiches":
        """The affinity for a model's users and playlists.

        Raises:
            OtherWorldError: a user or a playlist is not of this world.
        """
        from buddies_assets.sources.synthetic import text

        row_of = {user_id: row for row, user_id in enumerate(text.user_ids(world, np.arange(world.users)))}
        unknown = [user_id for user_id in user_ids if user_id and user_id not in row_of]
        if unknown or (len(pids) and int(pids.max()) >= world.playlists):
            raise OtherWorldError(
                "The served model holds users or playlists that this synthetic world has not: set "
                "BUDDIES_SYNTHETIC_USERS, BUDDIES_SYNTHETIC_PLAYLISTS and BUDDIES_SEED as they were, or publish again."
            )
        rows = np.array([row_of.get(user_id, 0) for user_id in user_ids])  # a number without a user asks for nothing
        return cls(world, rows, np.asarray(pids, np.int64))

    def __call__(self, user: int, playlists: np.ndarray) -> np.ndarray:
        """See `Affinity`: between 0 and 1."""
        mine = self.world.user_tastes(self.users[[user]])[0]
        return self.world.playlist_tastes(self.pids[playlists]) @ mine


@dataclass(frozen=True)
class OfHiddenPlays:
    """The share of hidden plays among the songs that a playlist brings new, shrunk by one song."""

    visible: Library
    hidden: Library
    playlists: Library

    def __call__(self, user: int, playlists: np.ndarray) -> np.ndarray:
        """See `Affinity`: between 0 and 1."""
        known, wanted = self.visible.row(user), self.hidden.row(user)
        shares = []
        for playlist in playlists.tolist():
            new = np.setdiff1d(self.playlists.row(playlist), known)
            shares.append(np.isin(new, wanted).sum() / (len(new) + 1))
        return np.array(shares, np.float64)

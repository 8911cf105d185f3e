"""What was recommended of late: counts by day, version and arm for the record, and a window of users for diversity."""

import time
from array import array

import numpy as np

from buddies_serving.model.served_model import ServedModel
from buddies_serving.model.serving import Serving

WINDOW = 4_096
_DAY = 86_400
Key = tuple[float, str, str]


class Usage:
    """Counts recommendations served, and remembers the last users served by the champion.

    Counts wait here for the upkeep of the database to add them to the database; those not yet written are lost when the
    process is killed, which is why they are counts for a chart and not a ledger.
    """

    def __init__(self) -> None:
        self.pending: dict[Key, int] = {}
        self._recent = array("q", [-1]) * WINDOW
        self._next = 0

    def one(self, serving: Serving, user: int | None, arm: str = "champion") -> None:
        """Counts one list."""
        self.add(serving.model(arm).version, arm, 1)
        if user is not None:
            self._recent[self._next] = user
            self._next = (self._next + 1) % WINDOW

    def many(self, serving: Serving, users: list[int], on_trial: list[int]) -> None:
        """Counts the lists of many users, some of whom the challenger served; the last few join the window."""
        self.add(serving.champion.version, "champion", len(users) - len(on_trial))
        if serving.challenger is not None and on_trial:
            self.add(serving.challenger.version, "challenger", len(on_trial))
        for user in users[-16:]:
            self._recent[self._next] = user
            self._next = (self._next + 1) % WINDOW

    def add(self, version: str, arm: str, lists: int) -> None:
        """Counts lists of a version and arm on this day (UTC)."""
        if not lists:
            return
        key = (time.time() // _DAY, version, arm)
        if key in self.pending:
            self.pending[key] += lists
        else:
            self.pending[key] = lists

    def take(self) -> dict[Key, int]:
        """The counts since the last call."""
        taken, self.pending = self.pending, {}
        return taken

    def restore(self, counts: dict[Key, int]) -> None:
        """Puts counts back that could not be written."""
        for (day, version, arm), lists in counts.items():
            key = (day, version, arm)
            self.pending[key] = self.pending.get(key, 0) + lists

    def diversity(self, model: ServedModel, length: int = 5) -> tuple[float, float]:
        """(coverage, diversity) over the window: the share of all playlists in its lists, and distinct per listed."""
        users = np.array([user for user in self._recent if 0 <= user < model.users], dtype=np.int64)
        if not len(users):
            return 0.0, 0.0
        indptr, ranked = model.arrays["ranked_indptr"], model.arrays["ranked_playlists"]
        places = indptr[users][:, None] + np.arange(length)
        listed = ranked[places[places < indptr[users + 1][:, None]]]
        if not len(listed):
            return 0.0, 0.0
        distinct = len(np.unique(listed))
        return distinct / model.playlists, distinct / len(listed)

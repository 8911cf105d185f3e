"""Live ranking: a user's candidates are scored by the embeddings at each request.

The same lists as the look-up as long as candidates and embeddings are those of the version; it exists for models whose
embeddings change faster than they are published, and for comparison.
"""

import numpy as np

from buddies_core.artifact.errors import ArrayMismatchError
from buddies_core.artifact.fragments import fill
from buddies_serving.model.served_model import ServedModel


class LiveRanker:
    """Ranks by score = u . i; ties by lower playlist index."""

    def __init__(self, model: ServedModel) -> None:
        if "user_factors" not in model.arrays:
            raise ArrayMismatchError("user_factors", "is needed for live ranking; publish it or serve by look-up")
        self._model = model
        self._users = model.arrays["user_factors"]
        self._playlists = model.arrays["playlist_factors"]

    def top(self, user: int | None, length: int, hidden: frozenset[int] | set[int]) -> list[int]:
        """The pids for a user, best first; most-liked ones where there are no candidates."""
        model = self._model
        if model.is_cold(user) or user is None or bool(model.cold[user]):
            # The vector of a user who was set aside has learnt nothing: their published list is better.
            return model.top(user, length, hidden)
        candidates = np.sort(model.ranked(user)[0])
        scores = self._playlists[candidates] @ self._users[user]
        order = np.argsort(-scores, kind="stable")[: length + len(hidden)]
        own = [pid for pid in model.pids[candidates[order]].tolist() if pid not in hidden][:length]
        if len(own) == length:
            return own
        known = hidden.union(model.pids[model.row("liked", user)].tolist())
        return fill(own, [pid for pid in model.popular_pids if pid not in known], length)

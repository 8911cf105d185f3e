"""Ownership the plain way: for each playlist, its likers sorted by priority, the first with room."""

from collections import Counter, defaultdict

import numpy as np


def assign_owners(likes: list[tuple[int, int, float]], songs: np.ndarray, cap: int) -> dict[int, tuple[int, float]]:
    """Playlist -> (owner, priority), from (user, playlist, score) likes in train."""
    likers = defaultdict(list)
    for user, playlist, score in likes:
        likers[playlist].append((-float(np.float32(score)) / np.sqrt(float(songs[user])), user))
    owned: Counter[int] = Counter()
    owners = {}
    for playlist in sorted(likers):
        for negative_priority, user in sorted(likers[playlist]):
            if owned[user] < cap:
                owned[user] += 1
                owners[playlist] = (user, -negative_priority)
                break
    return owners

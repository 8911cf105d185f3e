"""Adoption the plain way: every user's bid for every playlist, with sets."""

import math

import numpy as np


def adopt(
    playlists: list[int],
    held: list[set[int]],
    lengths: list[int],
    held_out: list[set[int]],
    users: list[set[int]],
    songs: list[int],
    exploration: list[float],
    barred: set[int],
    owned: list[int],
    cap: int,
) -> list[int | None]:
    """The owner of each playlist, in the order given; None where nobody can have it."""
    owned, owners = list(owned), []
    for playlist, theirs in zip(playlists, held_out, strict=True):
        bids = []
        for user, library in enumerate(users):
            matches = len(library & held[playlist])
            if matches and user not in barred and user not in theirs and owned[user] < cap:
                e = exploration[user]
                gain = (1.0 - e) * math.log1p(matches) + e
                score = np.float32(gain / (math.sqrt(songs[user]) * math.sqrt(lengths[playlist])))
                bids.append((-float(score) / math.sqrt(songs[user]), user))
        owners.append(min(bids)[1] if bids else None)
        if bids:
            owned[min(bids)[1]] += 1
    return owners

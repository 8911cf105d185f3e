"""Candidates: playlists owned by a user's neighbours, redrawn at each run so that what is offered stays fresh."""

import numpy as np
from numba import njit

from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.buffers import grown
from buddies_core.kernels.randomness import CANDIDATE, hash_member, hash_pairs, stream_key
from buddies_core.kernels.selection import keep_smallest

MOST = 75


def draw_seed(seed: int, draw: int) -> int:
    """The seed of one run's draw: another `draw` gives other candidates, the same one the same."""
    return int(hash_pairs(seed, CANDIDATE, draw)[0])


def draw_candidates(
    users: np.ndarray,
    neighbours: Ragged,
    owned: Ragged,
    train_liked: Ragged,
    *,
    keys: np.ndarray,
    pids: np.ndarray,
    seed: int,
    draw: int = 0,
    most: int = MOST,
) -> Ragged:
    """At most `most` of the playlists that a user's neighbours own, less what the user owns or likes in train.

    Args:
        users: index of each user, [n].
        neighbours: each of these users' neighbours, by user index.
        owned: playlists owned by every user, by user index (not only `users`).
        train_liked: playlists these users like in train, one list a user of `users`.
        keys: key of each of these users, uint64 [n]; pids: of every playlist, uint32.

    Returns:
        One list a user, ascending by playlist: those with the smallest hashes of (seed, draw, user id, pid).
    """
    offsets, values = _draw(
        np.asarray(users, np.int64),
        neighbours.offsets,
        neighbours.values,
        owned.offsets,
        owned.values,
        train_liked.offsets,
        train_liked.values,
        np.ascontiguousarray(keys, np.uint64),
        np.ascontiguousarray(pids, np.uint32),
        np.uint64(draw_seed(seed, draw)),
        most,
        int(owned.values.max(initial=0)) + 1,
    )
    return Ragged(offsets, values)


@njit(nogil=True, cache=True)
def _draw(
    users, neighbour_offsets, neighbours, owned_offsets, owned, liked_offsets, liked, keys, pids, seed, most,
    n_playlists,
):  # fmt: skip
    stamps = np.zeros(n_playlists, np.int64)
    offsets = np.zeros(len(users) + 1, np.int64)
    values = np.empty(1024, np.uint32)
    hashes, members = np.empty(1024, np.uint64), np.empty(1024, np.uint32)
    for row in range(len(users)):
        user = users[row]
        key = stream_key(seed, np.uint64(CANDIDATE), keys[row])
        seen = np.int64(row) + 1
        for playlist in liked[liked_offsets[row] : liked_offsets[row + 1]]:
            if playlist < n_playlists:
                stamps[playlist] = seen
        for playlist in owned[owned_offsets[user] : owned_offsets[user + 1]]:
            stamps[playlist] = seen
        n = 0
        for neighbour in neighbours[neighbour_offsets[row] : neighbour_offsets[row + 1]]:
            first, last = owned_offsets[neighbour], owned_offsets[neighbour + 1]
            hashes, members = grown(hashes, n + last - first), grown(members, n + last - first)
            for i in range(first, last):
                playlist = owned[i]
                if stamps[playlist] != seen:
                    stamps[playlist] = seen
                    hashes[n], members[n] = hash_member(key, np.uint64(pids[playlist])), playlist
                    n += 1
        kept = keep_smallest(hashes[:n], members[:n], most)
        members[:kept].sort()
        values = grown(values, offsets[row] + kept)
        values[offsets[row] : offsets[row] + kept] = members[:kept]
        offsets[row + 1] = offsets[row] + kept
    return offsets, values[: offsets[-1]].copy()

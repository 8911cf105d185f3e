"""Candidates the plain way: sets, then the smallest hashes."""

from collections.abc import Iterable

from buddies_assets.systems.playlists.pairing.candidates import draw_seed
from buddies_core.kernels.randomness import CANDIDATE, hash_pair


def candidates_of(
    user: int,
    neighbours: Iterable[int],
    owned: list[set[int]],
    train_liked: set[int],
    *,
    key: int,
    pids: list[int],
    seed: int,
    draw: int,
    most: int,
) -> list[int]:
    """One user's candidates, ascending."""
    offered = set().union(*(owned[neighbour] for neighbour in neighbours)) - owned[user] - train_liked
    return sorted(sorted(offered, key=lambda p: (hash_pair(draw_seed(seed, draw), CANDIDATE, key, pids[p]), p))[:most])

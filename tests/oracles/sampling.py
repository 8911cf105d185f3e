"""Blocks and batches the plain way: one draw at a time with sets."""

from buddies_core.kernels.drawing import ATTEMPTS
from buddies_core.kernels.randomness import BATCH, BLOCK, hash_pair


def _below(seed: int, stream: int, user: int, positive: int, counter: int, n: int) -> int:
    return (int(hash_pair(seed, stream, user << 32 | positive, counter)) >> 32) * n >> 32


def _members(pool: list[int], wanted: int, seed: int, user: int, positive: int, counter: int) -> list[int]:
    chosen: list[int] = []
    for i, top in enumerate(range(len(pool) - wanted, len(pool))):
        member = pool[_below(seed, BLOCK, user, positive, counter + i, top + 1)]
        chosen.append(pool[top] if member in chosen else member)
    return chosen


def _catalogue(
    n_playlists: int, barred: set[int], wanted: int, seed: int, stream: int, user: int, positive: int, counter: int
) -> list[int]:
    chosen: list[int] = []
    taken = set(barred)
    for _ in range(wanted):
        for _attempt in range(ATTEMPTS):
            playlist = _below(seed, stream, user, positive, counter, n_playlists)
            counter += 1
            if playlist not in taken:
                break
        while playlist in taken:
            playlist = (playlist + 1) % n_playlists
        taken.add(playlist)
        chosen.append(playlist)
    return chosen


def block(
    user: int,
    positive: int,
    hard: list[int],
    easy: list[int],
    barred: set[int],
    *,
    n_playlists: int,
    seed: int,
    n_negatives: int,
    n_hard: int,
) -> list[int]:
    """The negatives of one block, hard ones first; fewer than `n_negatives` when the catalogue is exhausted."""
    from_hard = min(n_hard, len(hard))
    from_easy = min(n_negatives - from_hard, len(easy))
    from_hard = min(n_negatives - from_easy, len(hard))
    chosen = _members(hard, from_hard, seed, user, positive, 0)
    chosen += _members(easy, from_easy, seed, user, positive, 1 << 20)
    barred = barred | set(hard) | set(easy)
    missing = min(n_negatives - len(chosen), n_playlists - len(barred))
    return chosen + _catalogue(n_playlists, barred, missing, seed, BLOCK, user, positive, 1 << 21)


def batch(user: int, positive: int, barred: set[int], *, n_playlists: int, seed: int, n_negatives: int) -> list[int]:
    """The negatives of one batch, in the order drawn."""
    return _catalogue(n_playlists, barred, n_negatives, seed, BATCH, user, positive, 0)

"""Blocks and batches the plain way: one draw at a time with sets."""

from dataclasses import dataclass

from buddies_core.kernels.drawing import ATTEMPTS, CELLS
from buddies_core.kernels.randomness import BATCH, BLOCK, hash_pair


@dataclass(frozen=True)
class Draw:
    """One (user, positive) whose negatives are drawn; the catalogue is given by its pids."""

    seed: int
    stream: int
    user_key: int
    pid: int

    def below(self, counter: int, n: int) -> int:
        """A number in [0, n)."""
        key = int(hash_pair(self.seed, self.stream, self.user_key, self.pid))
        return (int(hash_member_of(key, counter)) >> 32) * n >> 32


def hash_member_of(key: int, counter: int) -> int:
    """`hash_member`, in Python's integers."""
    mask = (1 << 64) - 1
    x = (key + (counter + 1) * 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def cells_of(pids: list[int]) -> list[int | None]:
    """The playlist of each cell: the first free one from its hash's on, those of smaller hashes first."""
    bits = max(1, len(pids)).bit_length() + 1
    cells: list[int | None] = [None] * (1 << bits)
    hashes = [int(hash_pair(0, CELLS, pid, 0)) for pid in pids]
    for playlist in sorted(range(len(pids)), key=lambda p: hashes[p]):
        cell = hashes[playlist] >> (64 - bits)
        while cells[cell] is not None:
            cell = (cell + 1) % len(cells)
        cells[cell] = playlist
    return cells


def _members(pool: list[int], wanted: int, draw: Draw, counter: int) -> list[int]:
    chosen: list[int] = []
    for i, top in enumerate(range(len(pool) - wanted, len(pool))):
        member = pool[draw.below(counter + i, top + 1)]
        chosen.append(pool[top] if member in chosen else member)
    return chosen


def _catalogue(pids: list[int], barred: set[int], wanted: int, draw: Draw, counter: int) -> list[int]:
    chosen: list[int] = []
    taken: set[int | None] = {None, *barred}
    cells = cells_of(pids)
    for _ in range(wanted):
        for _attempt in range(ATTEMPTS):
            cell = draw.below(counter, len(cells))
            counter += 1
            if cells[cell] not in taken:
                break
        while cells[cell] in taken:
            cell = (cell + 1) % len(cells)
        playlist = cells[cell]
        assert playlist is not None
        taken.add(playlist)
        chosen.append(playlist)
    return chosen


def block(
    key: int,
    positive: int,
    hard: list[int],
    easy: list[int],
    barred: set[int],
    *,
    pids: list[int],
    seed: int,
    n_negatives: int,
    n_hard: int,
) -> list[int]:
    """The negatives of one block, hard ones first; fewer than `n_negatives` when the catalogue is exhausted."""
    draw = Draw(seed, BLOCK, key, pids[positive])
    from_hard = min(n_hard, len(hard))
    from_easy = min(n_negatives - from_hard, len(easy))
    from_hard = min(n_negatives - from_easy, len(hard))
    chosen = _members(hard, from_hard, draw, 0)
    chosen += _members(easy, from_easy, draw, 1 << 20)
    barred = barred | set(hard) | set(easy)
    missing = min(n_negatives - len(chosen), len(pids) - len(barred))
    return chosen + _catalogue(pids, barred, missing, draw, 1 << 21)


def batch(key: int, positive: int, barred: set[int], *, pids: list[int], seed: int, n_negatives: int) -> list[int]:
    """The negatives of one batch, in the order drawn."""
    return _catalogue(pids, barred, n_negatives, Draw(seed, BATCH, key, pids[positive]), 0)

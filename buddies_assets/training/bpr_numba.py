"""BPR on the CPU: the grouped kernel.

One step takes a group, that is a user, a positive and its k negatives, so k + 2 rows serve k samples. Users come in a
random order but the groups of one user together, so that the user's row stays in L1. A sample that stood alone would
read and write three rows of 128 float32: 3 x 512 x 2 = 3,072 bytes. In a group of four negatives the user's row is in
cache and five playlist rows are read and written: 5 x 512 x 2 / 4 = 1,280 bytes a sample, of which the popular rows are
in cache too. A machine that moves B bytes a second between memory and core therefore cannot do more than B / 1,280
samples a second once the playlists outgrow the last cache; `python -m benchmarks bpr` prints that bound.

Playlists are renumbered by popularity, which packs the hot rows together. With several threads users are cut into as
many parts; rows of playlists are then written without locks (hogwild), so results differ between runs. Two threads that
write the same popular row send its cache lines back and forth, so each has a copy of its own of the head, and the
changes are added up every 2,000 groups.
"""

import numpy as np
from numba import njit, prange

from buddies_assets.training.config import TrainingConfig
from buddies_assets.training.data import NO_PLAYLIST, Blocks
from buddies_assets.training.factors import Factors, aligned, aligned_copy
from buddies_assets.training.prefetch import row_to_write
from buddies_assets.training.threads import use_threads

_NONE = int(NO_PLAYLIST)
_HEAD = 64
_EXCHANGE = 2_000
_STEEP = np.float32(30.0)
_EPSILON = np.float32(1e-8)
_AHEAD = 2
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(fastmath=_FAST, nogil=True, cache=True, inline="always")
def _dot(a, b):
    total = np.float32(0.0)
    for d in range(len(a)):
        total += a[d] * b[d]
    return total


@njit(fastmath=_FAST, nogil=True, cache=True)
def _rate_of(square, place, growth, rate):
    """Step size of a row; Adagrad's, with one number for the row, when `square` holds one for it."""
    if not len(square):
        return rate
    square[place] += growth
    return rate / (np.sqrt(square[place]) + _EPSILON)


@njit(fastmath=_FAST, nogil=True, cache=True)
def _group(u, i, negatives, users, playlists, head, user_square, square, head_square, pull, change, rate, l2, free):
    """One step on a group; returns its summed loss. `free` is the number of user columns that may change."""
    user = users[u]
    dimension = len(user)
    positive = head[i] if i < len(head) else playlists[i]
    ahead = _dot(user, positive)
    odds = 1.0
    total = np.float32(0.0)
    for k in range(len(negatives)):
        j = negatives[k]
        if j == _NONE:
            continue
        margin = ahead - _dot(user, head[j] if j < len(head) else playlists[j])
        if margin > _STEEP:
            margin = _STEEP
        elif margin < -_STEEP:
            margin = -_STEEP
        raised = np.exp(-margin)
        odds *= 1.0 + raised
        pull[k] = raised / (np.float32(1.0) + raised)
        total += pull[k]
    size = np.float32(0.0)
    if len(square):
        size = _dot(user, user) / np.float32(dimension)
    for d in range(dimension):
        change[d] = total * positive[d]
    for k in range(len(negatives)):
        j = negatives[k]
        if j == _NONE:
            continue
        weight = pull[k]
        row = head[j] if j < len(head) else playlists[j]
        pace = _rate_of(head_square if j < len(head) else square, j, weight * weight * size, rate)
        step = pace * weight
        keep = np.float32(1.0) - pace * l2
        for d in range(dimension):
            value = row[d]
            change[d] -= weight * value
            row[d] = keep * value - step * user[d]
    pace = _rate_of(head_square if i < len(head) else square, i, total * total * size, rate)
    step = pace * total
    keep = np.float32(1.0) - pace * l2
    for d in range(dimension):
        positive[d] = keep * positive[d] + step * user[d]
    pace = rate
    if len(user_square):
        pace = _rate_of(user_square, u, _dot(change[:free], change[:free]) / np.float32(dimension), rate)
    keep = np.float32(1.0) - pace * l2
    for d in range(free):
        user[d] = keep * user[d] + pace * change[d]
    return np.log(odds)


@njit(fastmath=_FAST, nogil=True, cache=True)
def _exchange(rows, copy, before):
    """Add what a thread changed in its copy of the head to the shared rows, and take over the others' changes."""
    for row in range(len(copy)):
        for d in range(copy.shape[1]):
            rows[row, d] += copy[row, d] - before[row, d]
            copy[row, d] = rows[row, d]
            before[row, d] = rows[row, d]


@njit(parallel=True, fastmath=_FAST, nogil=True, cache=True)
def _epoch(
    order, bounds, ids, first, positives, negatives, users, playlists, head_rows, user_square, square,
    rate, l2, free,
):  # fmt: skip
    """Groups of the users `ids[order[bounds[t]:bounds[t + 1]]]`, by thread t; returns the summed loss.

    Threads do not wait for one another: each exchanges its head when it has done its share of groups.
    """
    threads = len(bounds) - 1
    losses = np.zeros(threads)
    line, base = playlists.shape[1] * 4, playlists.ctypes.data
    adaptive = min(head_rows, len(square))
    for t in prange(threads):
        head, before = playlists[:head_rows].copy(), playlists[:head_rows].copy()
        head_square, before_square = square[:adaptive].copy(), square[:adaptive].copy()
        pull = np.zeros(negatives.shape[1], np.float32)
        change = np.zeros(users.shape[1], np.float32)
        loss = 0.0
        done = 0
        for place in range(bounds[t], bounds[t + 1]):
            o = order[place]
            for g in range(first[o], first[o + 1]):
                later = g + _AHEAD
                if later < len(positives):
                    row_to_write(base + np.int64(positives[later]) * line, line)
                    for k in range(negatives.shape[1]):
                        row_to_write(base + np.int64(negatives[later, k]) * line, line)
                loss += _group(
                    np.int64(ids[o]), np.int64(positives[g]), negatives[g], users, playlists, head,
                    user_square, square, head_square, pull, change, rate, l2, free,
                )  # fmt: skip
                done += 1
                if head_rows and done % _EXCHANGE == 0:
                    _exchange(playlists, head, before)
                    square[:adaptive] += head_square - before_square
                    head_square[:] = square[:adaptive]
                    before_square[:] = square[:adaptive]
        if head_rows:
            _exchange(playlists, head, before)
            square[:adaptive] += head_square - before_square
        losses[t] = loss
    return losses.sum()


class NumbaBackend:
    """Factors, and with Adagrad one sum of squares a row, trained by the grouped kernel."""

    def __init__(
        self, config: TrainingConfig, factors: Factors, *, popularity: np.ndarray, state: dict[str, np.ndarray]
    ):
        self.config = config
        self._by_popularity = np.argsort(-popularity, kind="stable")
        self._number = np.empty(len(popularity) + 1, np.uint32)
        self._number[self._by_popularity] = np.arange(len(popularity), dtype=np.uint32)
        self._number[-1] = NO_PLAYLIST
        self._users = aligned_copy(factors.users)
        self._playlists = aligned(factors.playlists.shape)
        np.take(factors.playlists, self._by_popularity, axis=0, out=self._playlists)
        self._free = factors.dimension - config.item_bias
        rows = (len(self._users), len(self._playlists)) if config.optimiser == "adagrad" else (0, 0)
        self._user_square = np.array(state.get("square_users", np.zeros(rows[0], np.float32)))
        self._square = np.array(state.get("square_playlists", np.zeros(rows[1], np.float32)))

    def epoch(self, blocks: Blocks, *, rate: float, seed: int) -> tuple[float, int]:
        """One pass over a shard, users in an order drawn from `seed`."""
        blocks = _by_user(blocks)
        starts = np.flatnonzero(np.diff(blocks.users, prepend=~blocks.users[:1]))
        ids = blocks.users[starts]
        first = np.append(starts, len(blocks)).astype(np.int64)
        order = np.random.default_rng(seed).permutation(len(ids))
        positives = self._number[blocks.positives]
        negatives = self._number[np.minimum(blocks.negatives, np.uint32(len(self._number) - 1))]
        threads = self.config.threads
        use_threads(threads)
        done = np.concatenate([[0], np.cumsum(np.diff(first)[order])])
        bounds = np.searchsorted(done, np.linspace(0, done[-1], threads + 1))
        loss = _epoch(
            order, bounds, ids, first, positives, negatives, self._users, self._playlists,
            0 if threads == 1 else min(_HEAD, len(self._playlists)), self._user_square, self._square,
            np.float32(rate), np.float32(self.config.l2), self._free,
        )  # fmt: skip
        return loss, int((negatives != NO_PLAYLIST).sum())

    def factors(self) -> Factors:
        """Copy of the factors, playlists in the caller's numbering."""
        playlists = aligned(self._playlists.shape)
        playlists[self._by_popularity] = self._playlists
        return Factors(aligned_copy(self._users), playlists)

    def saved_state(self) -> dict[str, np.ndarray]:
        """Adagrad's sums of squares, if any."""
        if self.config.optimiser != "adagrad":
            return {}
        return {"square_users": self._user_square, "square_playlists": self._square}


def _by_user(blocks: Blocks) -> Blocks:
    if np.all(blocks.users[1:] >= blocks.users[:-1]):
        return blocks
    order = np.argsort(blocks.users, kind="stable")
    return Blocks(blocks.users[order], blocks.positives[order], blocks.negatives[order])

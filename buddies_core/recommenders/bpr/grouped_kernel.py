"""An epoch of BPR, compiled: the grouped kernel.

One step takes a group, that is a user, a positive and its k negatives, so k + 2 rows serve k samples. Users come in a
random order but the groups of one user together, so that the user's row stays in L1. A sample that stood alone would
read and write three rows of 128 float32: 3 x 512 x 2 = 3,072 bytes. In a group of four negatives the user's row is in
cache and five playlist rows are read and written: 5 x 512 x 2 / 4 = 1,280 bytes a sample, of which the popular rows are
in cache too. A machine that moves B bytes a second between memory and core therefore cannot do more than B / 1,280
samples a second once the playlists outgrow the last cache; `python -m benchmarks bpr` prints that bound. While they do
not, instructions bound it: some 500 a group, by the vector code of `group_rows`.

Rows at random places come slowly, so each group's rows are looked up and asked for some groups before their turn.
Playlists are renumbered by popularity, which packs the hot rows together. With several threads users are cut into as
many parts; rows of playlists are then written without locks (hogwild), so results differ between runs. Two threads that
write the same popular row send its cache lines back and forth, so each has a copy of its own of the hot rows, and the
copies are merged every 2,000 groups.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from buddies_core.kernels.prefetch import row_to_write
from buddies_core.kernels.simd_rows import dot_products, step_rows, step_user

FAST = {"contract", "nsz"}
_SUMMED = {"reassoc", "contract", "nsz"}
"""Only where a loop is a sum: what LLVM may order anew it does not order the same each time it compiles."""
_MERGE_EVERY = 2_000
_STEEP = np.float32(30.0)
_EPSILON = np.float32(1e-8)
_AHEAD = 4
_RING = 8
_FULL = 1e200


class Order(NamedTuple):
    """Groups of a shard, of one user together.

    Attributes:
        users: int64 [n_users], places in `ids` in the order to take; thread t takes `bounds[t]` to `bounds[t + 1]`.
        bounds: int64 [threads + 1].
        ids: uint32 [n_users], rows of the users.
        first: int64 [n_users + 1], where the groups of each begin.
    """

    users: np.ndarray
    bounds: np.ndarray
    ids: np.ndarray
    first: np.ndarray


class Model(NamedTuple):
    """What is trained, in place.

    Attributes:
        users, playlists: float32 [n, width], playlists by popularity.
        user_square, square: float32 [n], Adagrad's sums of squares of the rows; empty without it.
        number: uint32 [n_playlists + 1], the row of each playlist, the last that of a missing one.
    """

    users: np.ndarray
    playlists: np.ndarray
    user_square: np.ndarray
    square: np.ndarray
    number: np.ndarray


class StepRule(NamedTuple):
    """How steps are made: the learning rate and the decay of weights, and which columns and rows they are for.

    Each row's own step size is Adagrad's of the rate.

    Attributes:
        rate, l2: of the configuration.
        dimension: columns of a row that count; free: those of a user that learn, without that of the item bias.
        hot_rows: first rows of the playlists of which each thread has a copy of its own.
    """

    rate: np.float32
    l2: np.float32
    dimension: int
    free: int
    hot_rows: int


@njit(fastmath=_SUMMED, nogil=True, cache=True, forceinline=True)
def mean_square(row, length):
    total = np.float32(0.0)
    for d in range(length):
        total += row[d] * row[d]
    return total / np.float32(len(row))


@njit(fastmath=FAST, nogil=True, cache=True, forceinline=True)
def rate_of(square, place, growth, rate):
    """Adagrad's step size of a row, with one number for the row."""
    square[place] += growth
    return rate / (np.sqrt(square[place]) + _EPSILON)


@njit(fastmath=FAST, nogil=True, cache=True, forceinline=True)
def gradient_weights(products, numbers, none, weights):
    """Gradient weights: how far each row of a group is drawn to the user; returns e^loss and the samples.

    The positive comes first, drawn by as much as all its negatives are pushed.
    """
    odds, samples, total = 1.0, 0, np.float32(0.0)
    for k in range(1, len(numbers)):
        weights[k] = np.float32(0.0)
        if numbers[k] == none:
            continue
        margin = min(max(products[0] - products[k], -_STEEP), _STEEP)
        raised = np.exp(-margin)
        odds *= 1.0 + raised
        weights[k] = -raised / (np.float32(1.0) + raised)
        total -= weights[k]
        samples += 1
    weights[0] = total
    return odds, samples


@njit(fastmath=FAST, nogil=True, cache=True, forceinline=True)
def _merge(rows, copy, before):
    """Add what a thread changed in its copy of the hot rows to the shared rows, and take over the others' changes."""
    for row in range(len(copy)):
        for d in range(copy.shape[1]):
            rows[row, d] += copy[row, d] - before[row, d]
            copy[row, d] = rows[row, d]
            before[row, d] = rows[row, d]


@njit(nogil=True, cache=True)
def look_up(group, positives, negatives, number, row_numbers):
    """The numbers of a group's rows, the positive's first."""
    row_numbers[0] = number[positives[group]]
    none = np.uint32(len(number) - 1)
    for k in range(negatives.shape[1]):
        row_numbers[k + 1] = number[min(negatives[group, k], none)]


@njit(parallel=True, fastmath=FAST, nogil=True, cache=True)
def one_epoch(groups_in_order, positives, negatives, model, step_rule, row_count, vectors):
    """Every group once, by the thread that its user is given to; returns the summed loss and the samples.

    The rows of a group are looked up and asked for `_AHEAD` groups before their turn. Threads do not wait for one
    another: each merges its hot rows when it has done its share of groups.
    """
    order, bounds, ids, first = groups_in_order
    users, playlists, user_square, square, number = model
    rate, l2, dimension, free, hot_rows = step_rule
    threads = len(bounds) - 1
    losses, samples = np.zeros(threads), np.zeros(threads, np.int64)
    line, user_base = playlists.shape[1] * 4, users.ctypes.data
    none = len(playlists) - 1
    adaptive = len(square) > 0
    for t in prange(threads):
        hot, before = playlists[:hot_rows].copy(), playlists[:hot_rows].copy()
        hot_square, before_square = square[: hot_rows * adaptive].copy(), square[: hot_rows * adaptive].copy()
        rows = len(row_count)
        ring_users = np.empty(_RING, np.int64)
        ring_rows, ring_places = np.empty((_RING, rows), np.int64), np.empty((_RING, rows), np.int64)
        products, weights = np.empty(rows, np.float32), np.empty(rows, np.float32)
        steps, decays = np.empty(rows, np.float32), np.empty(rows, np.float32)
        change = np.empty(users.shape[1], np.float32)
        place, group, last = bounds[t] - 1, np.int64(0), np.int64(0)
        groups = np.int64(0)
        for o in order[bounds[t] : bounds[t + 1]]:
            groups += first[o + 1] - first[o]
        odds, loss, count, user = 1.0, 0.0, 0, np.int64(0)
        for turn in range(groups + _AHEAD):
            if turn < groups:
                slot = turn % _RING
                if group == last:
                    place += 1
                    user = np.int64(ids[order[place]])
                    group, last = first[order[place]], first[order[place] + 1]
                    row_to_write(user_base + user * line, line)
                ring_users[slot] = user
                look_up(group, positives, negatives, number, ring_rows[slot])
                for k in range(rows):
                    row = ring_rows[slot, k]
                    ring_places[slot, k] = (playlists if row >= hot_rows else hot).ctypes.data + row * line
                    row_to_write(ring_places[slot, k], line)
                group += 1
            if turn < _AHEAD:
                continue
            slot = (turn - _AHEAD) % _RING
            own = ring_users[slot]
            numbers, places = ring_rows[slot], ring_places[slot].ctypes.data
            dot_products(user_base + own * line, places, products.ctypes.data, row_count, vectors)  # type: ignore[call-arg]
            raised, drawn = gradient_weights(products, numbers, none, weights)
            odds *= raised
            count += drawn
            if odds > _FULL:
                loss += np.log(odds)
                odds = 1.0
            size = mean_square(users[own, :dimension], dimension) if adaptive else np.float32(0.0)
            for k in range(rows):
                step_size = rate
                if adaptive:
                    squares = hot_square if numbers[k] < hot_rows else square
                    step_size = rate_of(squares, numbers[k], weights[k] * weights[k] * size, rate)
                steps[k], decays[k] = step_size * weights[k], np.float32(1.0) - step_size * l2
            kept = users[own, dimension - 1]
            step_rows(
                user_base + own * line, places, change.ctypes.data,
                weights.ctypes.data, steps.ctypes.data, decays.ctypes.data, row_count, vectors,
            )  # fmt: skip
            step_size = rate_of(user_square, own, mean_square(change[:dimension], free), rate) if adaptive else rate
            step_user(user_base + own * line, change.ctypes.data, step_size, np.float32(1.0) - step_size * l2, vectors)
            if free < dimension:
                users[own, free] = kept
            if hot_rows and turn % _MERGE_EVERY == 0:
                _merge(playlists, hot, before)
                square[: len(hot_square)] += hot_square - before_square
                hot_square[:] = square[: len(hot_square)]
                before_square[:] = hot_square
        if hot_rows:
            _merge(playlists, hot, before)
            square[: len(hot_square)] += hot_square - before_square
        losses[t] = loss + np.log(odds)
        samples[t] = count
    return losses.sum(), samples.sum()

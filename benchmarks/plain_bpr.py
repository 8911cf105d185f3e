"""The BPR epoch as a plain numba loop beside the one that emits vector code: `python -m benchmarks.plain_bpr`.

Both train on one thread, on blocks of the tenth's shape (101,713 users, 94,600 playlists, popularity by a power law),
so that rows come from memory as in the graph's own training; processor seconds, median of the rounds.
"""

import time
from collections.abc import Callable

import numpy as np
from numba import njit, prange

from buddies_core.recommenders.bpr import numba_backend
from buddies_core.recommenders.bpr.config import BEST
from buddies_core.recommenders.bpr.data import Blocks
from buddies_core.recommenders.bpr.grouped_kernel import (
    FAST,
    gradient_weights,
    look_up,
    mean_square,
    one_epoch,
    rate_of,
)
from buddies_core.recommenders.bpr.numba_backend import NumbaBackend
from buddies_core.recommenders.factors import RowKeys, random_factors

_USERS, _PLAYLISTS, _BLOCKS, _ROUNDS = 101_713, 94_600, 1_000_000, 3


@njit(parallel=True, fastmath=FAST, nogil=True)
def plain_epoch(groups_in_order, positives, negatives, model, step_rule, row_count, vectors):
    """As `one_epoch` for one thread: no vector code, nothing asked for ahead, no hot rows of its own."""
    order, bounds, ids, first = groups_in_order
    users, playlists, user_square, square, number = model
    rate, l2, dimension, free, _ = step_rule
    none, adaptive = len(playlists) - 1, len(square) > 0
    losses, samples = np.zeros(len(bounds) - 1), np.zeros(len(bounds) - 1, np.int64)
    for t in prange(len(bounds) - 1):
        rows = negatives.shape[1] + 1
        numbers, change = np.empty(rows, np.int64), np.empty(users.shape[1], np.float32)
        products, weights = np.empty(rows, np.float32), np.empty(rows, np.float32)
        loss, count = 0.0, 0
        for o in order[bounds[t] : bounds[t + 1]]:
            own = users[ids[o]]
            for group in range(first[o], first[o + 1]):
                look_up(group, positives, negatives, number, numbers)
                for k in range(rows):
                    products[k] = np.float32(0.0)
                    for d in range(len(own)):
                        products[k] += own[d] * playlists[numbers[k], d]
                raised, drawn = gradient_weights(products, numbers, none, weights)
                loss += np.log(raised)
                count += drawn
                size = mean_square(own[:dimension], dimension) if adaptive else np.float32(0.0)
                change[:] = np.float32(0.0)
                kept = own[dimension - 1]
                for k in range(rows):
                    step_size = rate
                    if adaptive:
                        step_size = rate_of(square, numbers[k], weights[k] * weights[k] * size, rate)
                    step, decay = step_size * weights[k], np.float32(1.0) - step_size * l2
                    row = playlists[numbers[k]]
                    for d in range(len(own)):
                        value = row[d]
                        change[d] += weights[k] * value
                        row[d] = decay * value + step * own[d]
                step_size = rate
                if adaptive:
                    step_size = rate_of(user_square, ids[o], mean_square(change[:dimension], free), rate)
                decay = np.float32(1.0) - step_size * l2
                for d in range(len(own)):
                    own[d] = decay * own[d] + step_size * change[d]
                if free < dimension:
                    own[free] = kept
        losses[t], samples[t] = loss, count
    return losses.sum(), samples.sum()


def blocks_of(users: int, playlists: int, blocks: int, *, seed: int = 0) -> tuple[Blocks, np.ndarray]:
    """Blocks of four negatives, and how often each playlist is a positive."""
    generator = np.random.default_rng(seed)
    shares = np.cumsum(np.arange(1, playlists + 1) ** -0.6)
    order = generator.permutation(playlists)

    def drawn(*shape: int) -> np.ndarray:
        return order[np.searchsorted(shares, generator.random(shape) * shares[-1])].astype(np.uint32)

    positives = drawn(blocks)
    owners = np.sort(generator.integers(0, users, blocks)).astype(np.uint32)
    return Blocks(owners, positives, drawn(blocks, 4)), np.bincount(positives, minlength=playlists)


def main() -> None:
    """Prints the processor seconds of both, and their ratio."""
    config = BEST.model_copy(update={"threads": 1})
    blocks, popularity = blocks_of(_USERS, _PLAYLISTS, _BLOCKS)
    factors = random_factors(
        RowKeys.of_rows(_USERS, _PLAYLISTS), config.dimension, scale=0.1, seed=1, item_bias=config.item_bias
    )
    backend = NumbaBackend(config, factors, popularity=popularity, state={})
    epochs: dict[str, Callable] = {"vector code": one_epoch, "plain loop": plain_epoch}
    taken: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(1 + _ROUNDS):
        for name, epoch in epochs.items():
            vars(numba_backend)["one_epoch"] = epoch
            began = time.process_time()
            backend.epoch(blocks, rate=0.01, seed=1)
            taken[name].append(time.process_time() - began)
    medians = {name: float(np.median(seconds[1:])) for name, seconds in taken.items()}
    print({name: round(seconds, 3) for name, seconds in medians.items()})
    print(f"plain / vector code: {medians['plain loop'] / medians['vector code']:.2f}")


if __name__ == "__main__":
    main()

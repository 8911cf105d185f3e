"""What BPR is measured against: `implicit`'s, and the plain torch loop."""

import time
from collections.abc import Callable

import numpy as np

from benchmarks.worlds import World, likes_matrix
from buddies_core.evaluation.ranks import evaluate
from buddies_core.recommenders.factors import Factors, RowKeys, random_factors

DIMENSION = 128
ITERATIONS = 3
"""Epochs of which the quickest counts."""
PLAIN_SAMPLES = 200_000
"""Triplets that the plain loop is given to measure its rate."""

_BATCH, _RATE = 16_384, 0.005


def random_start(world: World) -> Factors:
    """The factors that both sides begin with."""
    return random_factors(
        RowKeys.of_rows(world.train.n_rows, world.train.n_columns), DIMENSION, scale=0.1, seed=1, item_bias=False
    )


def implicit_seconds(world: World, threads: int) -> Callable[[], float]:
    """An epoch of implicit's BPR, as work that returns its seconds: the best of a few."""
    from implicit.bpr import BayesianPersonalizedRanking

    likes = likes_matrix(world.train)

    def work() -> float:
        spans = []
        model = BayesianPersonalizedRanking(
            factors=DIMENSION - 1, learning_rate=0.05, regularization=0.01, iterations=ITERATIONS, num_threads=threads
        )
        # Its own clock, per iteration: what it spends on starting is not training. Ours too counts its best of as many.
        model.fit(likes, show_progress=False, callback=lambda iteration, elapsed, *rest: spans.append(elapsed))
        return min(spans)

    return work


def implicit_to(world: World, target: float) -> tuple[float, float]:
    """Seconds and MRR at the first of 5, 10, 20, … iterations that reaches the target (or the last)."""
    from implicit.bpr import BayesianPersonalizedRanking

    likes, spent, reached = likes_matrix(world.train), 0.0, 0.0
    for iterations in (5, 10, 20, 40, 80, 160):
        model = BayesianPersonalizedRanking(
            factors=DIMENSION - 1, learning_rate=0.05, regularization=0.01, iterations=iterations, num_threads=2,
            random_state=1,
        )  # fmt: skip
        began = time.perf_counter()
        model.fit(likes, show_progress=False)
        spent = time.perf_counter() - began
        factors = Factors(np.ascontiguousarray(model.user_factors), np.ascontiguousarray(model.item_factors))
        reached = evaluate(factors, world.data.validation)["mrr"]
        if reached >= target:
            break
    return spent, reached


def _triplets(world: World, most: int | None):
    """The triplets as the plain loop has them: tensors, of which the loader takes an item at a time."""
    import torch

    blocks = world.data.load(0)
    taken = np.random.default_rng(1).permutation(4 * len(blocks))[:most]
    columns = blocks.users[taken // 4], blocks.positives[taken // 4], blocks.negatives.reshape(-1)[taken]
    return torch.utils.data.TensorDataset(*(torch.from_numpy(column.astype(np.int64)) for column in columns))


class PlainLoop:
    """`nn.Embedding(sparse=True)`, `SparseAdam` and a `DataLoader`."""

    def __init__(self, world: World, most: int | None):
        import torch

        start = random_start(world)
        self.tables = [
            torch.nn.Embedding.from_pretrained(torch.from_numpy(side.copy()), freeze=False, sparse=True)
            for side in (start.users, start.playlists)
        ]
        self.optimiser = torch.optim.SparseAdam([table.weight for table in self.tables], lr=_RATE)
        torch.manual_seed(1)
        triplets = _triplets(world, most)
        self.samples = len(triplets)
        self.loader = torch.utils.data.DataLoader(triplets, batch_size=_BATCH, shuffle=True)

    def epoch(self) -> None:
        import torch

        users, playlists = self.tables
        for user, positive, negative in self.loader:
            self.optimiser.zero_grad()
            chosen = users(user)
            margin = (chosen * playlists(positive)).sum(1) - (chosen * playlists(negative)).sum(1)
            (-torch.nn.functional.logsigmoid(margin).mean()).backward()
            self.optimiser.step()

    def factors(self) -> Factors:
        users, playlists = (table.weight.detach().numpy() for table in self.tables)
        return Factors(users, playlists)


def plain_seconds(world: World, threads: int) -> Callable[[], float]:
    """An epoch of the plain loop over some triplets, as work that returns its seconds."""
    loop = PlainLoop(world, PLAIN_SAMPLES)

    def work() -> float:
        import torch

        torch.set_num_threads(threads)
        began = time.perf_counter()
        loop.epoch()
        return (time.perf_counter() - began) * PLAIN_SAMPLES / loop.samples

    return work


def plain_to_the_end(world: World) -> tuple[float, float]:
    """Seconds of the plain loop's five epochs, and the validation MRR that it ends with."""
    loop = PlainLoop(world, None)
    began = time.perf_counter()
    for _ in range(5):
        loop.epoch()
    seconds = time.perf_counter() - began
    return seconds, evaluate(loop.factors(), world.data.validation)["mrr"]

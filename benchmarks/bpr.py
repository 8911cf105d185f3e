"""BPR training: our grouped kernel, `implicit` and the plain torch loop, on the same likes and the same triplets.

Throughput is in samples (one positive against one negative) a second at dimension 128. `implicit` draws one negative
for each like; ours is measured with the stored negatives and with negatives drawn anew, sampling included. The plain
loop (`nn.Embedding(sparse=True)`, `SparseAdam`, a `DataLoader` over a `TensorDataset`, batches of 16,384) is given a
part of the triplets, since all would take hours. Time to quality is the training time until the validation MRR is that
which the plain loop ends with after five epochs; the time of an ALS start is counted, evaluation is not.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from numba import njit, prange

from benchmarks.bpr_peers import (
    DIMENSION,
    ITERATIONS,
    PLAIN_SAMPLES,
    implicit_seconds,
    implicit_to,
    plain_seconds,
    plain_to_the_end,
    random_start,
)
from benchmarks.measure import PeakMemory, Report, Row
from benchmarks.worlds import SMALL_OVERLAP, World, overlap_world, synthetic_world
from buddies_core.evaluation.ranks import case_ranks, popularity
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.bpr.config import BEST, NegativeMix, TrainingConfig
from buddies_core.recommenders.bpr.negatives import NegativeSampler
from buddies_core.recommenders.bpr.numba_backend import NumbaBackend
from buddies_core.recommenders.bpr.state import EpochReport
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import Factors, RowKeys, random_factors

_ROUNDS = 5
_STORED = NegativeMix(hard=2, easy=2, resample=False)
_DRAWN = NegativeMix(uniform=2, popular=2)


def run(scale: str) -> Report:
    """Measures throughput and evaluation at `scale`; time to quality on the small world, a whole training on others."""
    report = Report("bpr")
    world = overlap_world(*SMALL_OVERLAP) if scale == "small" else synthetic_world(101_713, 946_000)
    throughput(report, world)
    evaluation(report, world)
    memory_bound(report, world)
    if scale == "small":
        time_to_quality(report, world)
    else:
        whole_training(report, world)
    return report


def whole_training(report: Report, world: World) -> None:
    """The best preset from nothing to its last epoch on both cores: start, five epochs and their evaluation."""
    config = BEST.model_copy(update={"threads": 2})
    began = time.perf_counter()
    start = als_factors(world.train, config, user_songs=world.user_songs)
    report.add(Row("ALS start", "ours, best preset", 2, time.perf_counter() - began, 0.0, "times"))
    result = train(config, world.data, als=start)
    taken = time.perf_counter() - began
    samples = sum(epoch.samples for epoch in result.history)
    row = report.add(Row("whole training", "ours, best preset", 2, taken, samples / taken, "samples"))
    report.notes.append(f"{samples:,} samples in {row.seconds:.0f} s, start and evaluation of all cases included")
    report.notes.append(f"validation MRR {result.metrics['mrr']:.4f}, Hit@5 {result.metrics['hit_5']:.4f}")


def throughput(report: Report, world: World) -> None:
    """Samples a second of all systems, alternating; median of the rounds."""
    blocks = world.data.load(0)
    samples = 4 * len(blocks)
    factors = random_start(world)
    counts = popularity(world.train)
    systems: list[tuple[str, int, float, Callable[[], float]]] = []
    for threads in (1, 2):
        for name, mix in (("ours, stored negatives", _STORED), ("ours, drawn negatives", _DRAWN)):
            config = TrainingConfig(threads=threads, negatives=mix, learning_rate=0.02)
            systems.append((name, threads, samples, _ours(world, config, factors, counts)))
        systems.append(("implicit 0.7 BPR", threads, len(world.train.indices), implicit_seconds(world, threads)))
        systems.append(("plain torch loop", threads, PLAIN_SAMPLES, plain_seconds(world, threads)))
    seconds: list[list[float]] = [[] for _ in systems]
    peaks = [0.0] * len(systems)
    for _, _, _, work in systems:
        work()
    for _ in range(_ROUNDS):
        for i, (_, _, _, work) in enumerate(systems):
            with PeakMemory() as memory:
                seconds[i].append(work())
            peaks[i] = max(peaks[i], memory.peak_mib)
    rates = {}
    for (name, threads, amount, _), taken, peak in zip(systems, seconds, peaks, strict=True):
        median = statistics.median(taken)
        rates[name, threads] = amount / median
        report.add(Row("training", name, threads, median, amount / median, "samples", peak))
    report.ratios["bpr_vs_implicit"] = min(
        rates["ours, drawn negatives", t] / rates["implicit 0.7 BPR", t] for t in (1, 2)
    )
    report.ratios["bpr_vs_plain_loop"] = min(
        rates["ours, drawn negatives", t] / rates["plain torch loop", t] for t in (1, 2)
    )
    report.notes.append(
        f"{world.train.n_rows:,} users, {world.train.n_columns:,} playlists, {len(blocks):,} blocks; ratios are the "
        "worse of one and two threads, our negatives drawn anew"
    )


def evaluation(report: Report, world: World) -> None:
    """Cases ranked a second: ours, and a loop over cases in torch."""
    import torch

    factors = random_start(world)
    cases = world.data.validation
    case_ranks(factors, cases.head(100), threads=2)
    for threads in (1, 2):
        began = time.perf_counter()
        case_ranks(factors, cases, threads=threads)
        taken = time.perf_counter() - began
        report.add(Row("evaluation", "ours", threads, taken, len(cases) / taken, "cases"))
    users, playlists = torch.from_numpy(factors.users), torch.from_numpy(factors.playlists)
    few = cases.head(5_000)
    began = time.perf_counter()
    for user, positive, negatives in zip(few.users.tolist(), few.positives.tolist(), few.negatives, strict=True):
        items = torch.from_numpy(np.append(negatives, positive).astype(np.int64))
        scores = playlists[items] @ users[user]
        _ = int((scores[:-1] >= scores[-1]).sum()) + 1
    taken = time.perf_counter() - began
    report.add(Row("evaluation", "torch loop", 1, taken, len(few) / taken, "cases"))


def memory_bound(report: Report, world: World) -> None:
    """What memory allows: reading and writing playlist rows at random, 1,280 bytes a sample."""
    rows = random_factors(
        RowKeys.of_rows(1, world.train.n_columns), DIMENSION, scale=0.1, seed=1, item_bias=False
    ).playlists
    generator = np.random.default_rng(1)
    order = generator.integers(0, len(rows), 2_000_000).astype(np.uint32)
    for threads in (1, 2):
        _touch(rows, order[:1000], threads)
        began = time.perf_counter()
        _touch(rows, order, threads)
        taken = time.perf_counter() - began
        rate = len(order) * 1024 / taken / 1280
        report.add(Row("memory bound", "rows read and written", threads, taken, rate, "samples"))


def time_to_quality(report: Report, world: World) -> None:
    """Training seconds until the plain loop's final MRR."""
    seconds, target = plain_to_the_end(world)
    report.add(Row(f"to MRR {target:.3f}", "plain torch loop", 2, seconds, 1 / seconds, "times"))
    ours = {}
    for name, config in (
        ("ours, best preset", BEST),
        ("ours, random start", TrainingConfig(learning_rate=0.05, decay=0.9, epochs=20)),
    ):
        for threads in (1, 2):
            ours[name, threads] = _seconds_to(world, config.model_copy(update={"threads": threads}), target)
            report.add(
                Row(f"to MRR {target:.3f}", name, threads, ours[name, threads], 1 / ours[name, threads], "times")
            )
    taken, reached = implicit_to(world, target)
    report.add(Row(f"to MRR {reached:.3f}", "implicit 0.7 BPR", 2, taken, 1 / taken, "times"))
    report.ratios["bpr_time_to_quality_vs_plain_loop"] = seconds / ours["ours, best preset", 2]


def _ours(world: World, config: TrainingConfig, factors: Factors, counts: np.ndarray) -> Callable[[], float]:
    backend = NumbaBackend(config, factors, popularity=counts, state={})
    sampler = NegativeSampler(config, likes=world.train, popularity=counts, hard=None, easy=None)
    blocks = world.data.load(0)

    def work() -> float:
        spans = []
        for epoch in range(ITERATIONS):
            began = time.perf_counter()
            backend.epoch(sampler.replace(blocks, epoch), rate=config.learning_rate, seed=epoch)
            spans.append(time.perf_counter() - began)
        return min(spans)

    return work


class _ReachedError(Exception):
    """The target was reached: the rest of the training is of no interest."""


def _seconds_to(world: World, config: TrainingConfig, target: float) -> float:
    spent = 0.0
    als = None
    if config.start == "joint":
        als_factors(world.train, config.model_copy(update={"als_iterations": 1}), user_songs=world.user_songs)
        began = time.perf_counter()
        als = als_factors(world.train, config, user_songs=world.user_songs)
        spent = time.perf_counter() - began

    def on_epoch(report: EpochReport) -> None:
        nonlocal spent
        spent += report.seconds
        if report.metrics["mrr"] >= target:
            raise _ReachedError

    try:
        train(config, world.data, on_epoch=on_epoch, als=als)
    except _ReachedError:
        return spent
    return float("inf")


def _touch(rows: np.ndarray, order: np.ndarray, threads: int) -> None:
    use_threads(threads)
    _read_and_write(rows, order)


@njit(parallel=True, fastmath=True)
def _read_and_write(rows, order):
    for i in prange(len(order)):
        row = rows[order[i]]
        for d in range(len(row)):
            row[d] = row[d] * np.float32(1.0001)

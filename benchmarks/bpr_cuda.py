"""BPR on a CUDA device: the torch backend there beside the numba kernel on the same machine's processor.

Both train the best preset from the same ALS start to the last epoch; beside them the published recipe (Adam, stored
negatives), which the reference trained on an A100. Seconds are those of all epochs: training and the drawing of
negatives, which the processor does for both, without start and evaluation. Before them steps alone: an epoch of random
groups among as many users and playlists as the tenth has, with stored negatives.
"""

import os
import sys
import time

import numpy as np

from benchmarks.measure import Report, Row
from benchmarks.quality import evaluation_protocols, ranking_row
from benchmarks.worlds import SMALL_OVERLAP, overlap_world, synthetic_world
from buddies_assets.sources.synthetic.world import FULL_PLAYLISTS, FULL_USERS
from buddies_core.evaluation.ranks import popularity
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.baselines import factor_model
from buddies_core.recommenders.bpr.backend import make_backend
from buddies_core.recommenders.bpr.config import BEST, PUBLISHED, TrainingConfig
from buddies_core.recommenders.bpr.data import Blocks
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import RowKeys, random_factors

_STEPS_USERS, _STEPS_PLAYLISTS, _STEPS_GROUPS = 100_000, 1_000_000, 10_000_000


def run(scale: str) -> Report:
    """Trains at `scale`: small, or the synthetic tenth.

    Raises:
        SystemExit: torch sees no CUDA device.
    """
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("bpr_cuda measures the torch backend on a CUDA device, and torch sees none here")
    small = overlap_world(*SMALL_OVERLAP)
    world = small if scale == "small" else synthetic_world(FULL_USERS // 10, FULL_PLAYLISTS)
    cores = os.cpu_count() or 1
    counts = popularity(world.train)
    protocols = evaluation_protocols(world, counts, large=world is not small)
    report = Report("bpr_cuda")
    steps_alone(report, cores)
    size = f"{world.train.n_rows:,} users, {world.train.n_columns:,} playlists"
    report.notes.append(f"{torch.cuda.get_device_name()}, {cores} cores; {size}")
    als = als_factors(world.train, BEST.model_copy(update={"threads": cores}), user_songs=world.user_songs)
    for name, config in _configurations(cores).items():
        train(config.model_copy(update={"epochs": 1}), small.data)  # the compiler's work, and the device's first calls
        result = train(config, world.data, als=als)
        samples = sum(epoch.samples for epoch in result.history)
        seconds = sum(epoch.seconds for epoch in result.history)
        row = report.add(Row("training", name, config.threads, seconds, samples / seconds, "samples"))
        print(row, file=sys.stderr, flush=True)
        for protocol in protocols:
            line = ranking_row(factor_model(name, result.factors), name, protocol, seconds)
            report.notes.append("  ".join(f"{key} {value}" for key, value in line.items()))
            print(report.notes[-1], file=sys.stderr, flush=True)
    return report


def steps_alone(report: Report, cores: int) -> None:
    """An epoch of random groups, positives the more popular the lower their number; the second of two counts."""
    generator = np.random.default_rng(1)
    users = np.sort(generator.integers(0, _STEPS_USERS, _STEPS_GROUPS, np.uint32))
    positives = (generator.random(_STEPS_GROUPS) ** 3 * _STEPS_PLAYLISTS).astype(np.uint32)
    negatives = generator.integers(0, _STEPS_PLAYLISTS, (_STEPS_GROUPS, 4), np.uint32)
    blocks = Blocks(users, positives, negatives)
    factors = random_factors(
        RowKeys.of_rows(_STEPS_USERS, _STEPS_PLAYLISTS), BEST.dimension, scale=0.1, seed=1, item_bias=True
    )
    counts = np.bincount(positives, minlength=_STEPS_PLAYLISTS)
    for name, config in _configurations(cores).items():
        backend = make_backend(config, factors, popularity=counts, state={})
        backend.epoch(blocks, rate=config.learning_rate, seed=0)
        began = time.perf_counter()
        _, samples = backend.epoch(blocks, rate=config.learning_rate, seed=1)
        taken = time.perf_counter() - began
        row = report.add(Row("steps alone", name, config.threads, taken, samples / taken, "samples"))
        print(row, file=sys.stderr, flush=True)


def _configurations(cores: int) -> dict[str, TrainingConfig]:
    many = BEST.model_copy(update={"threads": cores})
    return {
        "best preset, torch on CUDA": many.model_copy(update={"backend": "torch"}),
        "best preset, numba": many,
        "published recipe, torch on CUDA": PUBLISHED.model_copy(update={"threads": cores}),
        "best preset, torch on CUDA, batch 65,536": many.model_copy(update={"backend": "torch", "batch_size": 65_536}),
    }

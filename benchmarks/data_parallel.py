"""BPR over Ray Train with users cut among workers, beside two threads of one process: what the exchange costs.

Each worker has its own users and a copy of all playlists. After each round the copies are averaged (gloo's all-reduce
of `playlists × dimension × 4` bytes); a user's row is nobody else's and is never sent. Both sides train as many
epochs on the same blocks from the same factors, on two processors of this machine.
"""

import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Report, Row
from benchmarks.worlds import synthetic_world
from buddies_core.evaluation.ranks import evaluate, popularity
from buddies_core.interactions.csr import Library
from buddies_core.kernels.distinct import distinct
from buddies_core.recommenders.bpr.backend import make_backend
from buddies_core.recommenders.bpr.config import BEST, TrainingConfig
from buddies_core.recommenders.bpr.data import Blocks
from buddies_core.recommenders.bpr.negatives import NegativeSampler
from buddies_core.recommenders.factors import Factors, RowKeys, aligned_copy, random_factors

WORKERS, EPOCHS, SEED = 2, 5, 1
SIZES = {"small": (10_000, 20_000), "tenth": (30_000, 300_000)}
"""Users and playlists; a worker's memory is the playlists' whole copy, so full size is computed and not run."""


def run(scale: str) -> Report:
    """Rows: two threads of one process, then Ray Train with 1 and 4 exchanges an epoch. Ratio: threads over Ray."""
    users, playlists = SIZES.get(scale, SIZES["tenth"])
    world = synthetic_world(users, playlists, seed=SEED)
    config = BEST.model_copy(update={"start": "random", "threads": 1, "epochs": EPOCHS})
    blocks, validation = world.data.load(0), world.data.validation.head(100_000)
    shape = world.data.n_users, world.data.n_playlists
    report = Report("data_parallel")
    samples = len(blocks) * config.negatives.count * EPOCHS
    _threads(config, blocks, world.train, shape)
    seconds, factors = _threads(config.model_copy(update={"threads": WORKERS}), blocks, world.train, shape)
    report.add(Row("bpr", "one process, 2 threads", WORKERS, seconds, samples / seconds, "samples"))
    report.notes.append(f"2 threads: MRR {evaluate(factors, validation)['mrr']:.4f}")
    size = shape[1] * config.dimension * 4
    for rounds in (1, 4):
        found, factors = _ray(config, blocks, world.train, shape, rounds)
        report.add(
            Row(
                "bpr", f"Ray Train, {rounds} an epoch", WORKERS, found["seconds"], samples / found["seconds"], "samples"
            )
        )
        mrr = evaluate(factors, validation)["mrr"]
        report.ratios[f"two_threads_over_ray_train_{rounds}"] = found["seconds"] / seconds
        report.notes.append(
            f"Ray Train, {rounds} an epoch: MRR {mrr:.4f}, {found['exchange']:.2f} s of "
            f"{found['seconds']:.2f} s in exchange, {size * rounds / 2**20:,.0f} MiB a worker and epoch; "
            f"{found['started']:.1f} s to start"
        )
    report.notes.append(f"{shape[0]:,} users, {shape[1]:,} playlists, {len(blocks):,} blocks, {EPOCHS} epochs")
    return report


def _start(config: TrainingConfig, shape: tuple[int, int]) -> Factors:
    return random_factors(RowKeys.of_rows(*shape), config.dimension, scale=0.1, seed=SEED, item_bias=config.item_bias)


def _threads(config: TrainingConfig, blocks: Blocks, train: Library, shape: tuple[int, int]) -> tuple[float, Factors]:
    counts = popularity(train)
    sampler = NegativeSampler(config, likes=train, popularity=counts, hard=None, easy=None)
    backend = make_backend(config, _start(config, shape), popularity=counts, state={})
    began = time.perf_counter()
    for epoch in range(1, EPOCHS + 1):
        backend.epoch(
            sampler.replace(blocks, epoch), rate=config.learning_rate * config.decay ** (epoch - 1), seed=epoch
        )
    return time.perf_counter() - began, backend.factors()


def _ray(
    config: TrainingConfig, blocks: Blocks, train: Library, shape: tuple[int, int], rounds: int
) -> tuple[dict[str, float], Factors]:
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "blocks.npz", users=blocks.users, positives=blocks.positives, negatives=blocks.negatives)
        np.savez(folder / "train.npz", indptr=train.indptr, indices=train.indices)
        told = {"folder": name, "shape": shape, "rounds": rounds, "config": config.model_dump(mode="json")}
        ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        began = time.perf_counter()
        try:
            TorchTrainer(
                _worker,
                train_loop_config=told,
                scaling_config=ScalingConfig(num_workers=WORKERS, resources_per_worker={"CPU": 1}),
                torch_config=TorchConfig(backend="gloo"),
                run_config=RunConfig(storage_path=name),
            ).fit()
        finally:
            ray.shutdown()
        whole = time.perf_counter() - began
        told_by = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(WORKERS)]
        found = {key: max(told[key] for told in told_by) for key in ("seconds", "exchange")}
        users = sum(np.load(folder / f"users-{rank}.npy") for rank in range(WORKERS))
        return found | {"started": whole - found["seconds"]}, Factors(users, np.load(folder / "playlists.npy"))


def _worker(told: dict[str, Any]) -> None:
    """One worker: its users' blocks in as many parts as there are exchanges, and the average after each."""
    import ray.train
    import torch.distributed as distributed

    rank, folder = ray.train.get_context().get_world_rank(), Path(told["folder"])
    config, shape = TrainingConfig.model_validate(told["config"]), tuple(told["shape"])
    with np.load(folder / "blocks.npz") as every:
        mine = every["users"] * WORKERS // shape[0] == rank
        blocks = Blocks(every["users"][mine], every["positives"][mine], every["negatives"][mine])
    with np.load(folder / "train.npz") as likes:
        train = Library(likes["indptr"], likes["indices"], shape[1])
    counts = popularity(train)
    sampler = NegativeSampler(config, likes=train, popularity=counts, hard=None, easy=None)
    factors = _start(config, shape)
    _pass(config, sampler, counts, factors, _part(blocks, 0, 64), 1)
    distributed.barrier()
    began, exchange = time.perf_counter(), 0.0
    for epoch in range(1, EPOCHS + 1):
        for part in range(told["rounds"]):
            factors = _pass(config, sampler, counts, factors, _part(blocks, part, told["rounds"]), epoch)
            before = time.perf_counter()
            _average(factors.playlists)
            exchange += time.perf_counter() - before
    seconds = time.perf_counter() - began
    (folder / f"{rank}.json").write_text(json.dumps({"seconds": seconds, "exchange": exchange}))
    own = distinct(blocks.users)
    users = np.zeros_like(factors.users)
    users[own] = factors.users[own]
    np.save(folder / f"users-{rank}.npy", users)
    if rank == 0:
        np.save(folder / "playlists.npy", factors.playlists)


def _part(blocks: Blocks, part: int, parts: int) -> Blocks:
    kept = slice(len(blocks) * part // parts, len(blocks) * (part + 1) // parts)
    return Blocks(blocks.users[kept], blocks.positives[kept], blocks.negatives[kept])


def _pass(
    config: TrainingConfig, sampler: NegativeSampler, counts: np.ndarray, factors: Factors, blocks: Blocks, epoch: int
) -> Factors:
    backend = make_backend(config, factors, popularity=counts, state={})
    backend.epoch(sampler.replace(blocks, epoch), rate=config.learning_rate * config.decay ** (epoch - 1), seed=epoch)
    trained = backend.factors()
    return Factors(trained.users, aligned_copy(trained.playlists))


def _average(playlists: np.ndarray) -> None:
    import torch
    import torch.distributed as distributed

    shared = torch.from_numpy(playlists)
    distributed.all_reduce(shared)
    shared /= WORKERS

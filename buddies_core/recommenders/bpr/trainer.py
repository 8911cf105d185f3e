"""The training loop: shards streamed in a new order each epoch, evaluation, early stopping, resumption.

Every draw is a function of (seed, epoch, the user's and the playlist's own keys), and the order of the shards one of
(seed, epoch, shard), so a training that was killed and resumed ends, on one
thread, with the weights it would have had.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from buddies_core.evaluation.ranks import evaluate, popularity
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TRAINING, hash_pairs
from buddies_core.recommenders.bpr.backend import Backend, make_backend
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import TrainingData
from buddies_core.recommenders.bpr.errors import DivergedError, LibrariesMissingError
from buddies_core.recommenders.bpr.negatives import NegativeSampler
from buddies_core.recommenders.bpr.state import EpochReport, SavedEpoch, StateFolder
from buddies_core.recommenders.factors import Factors, random_factors

log = logging.getLogger(__name__)

OnEpoch = Callable[[EpochReport], None]
_ORDER = TRAINING << 8 | 2
_PROGRESS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained model. `epoch` is the one whose factors these are: the best with early stopping, else the last."""

    factors: Factors
    history: list[EpochReport]
    epoch: int
    stopped: Literal["finished", "early"]

    @property
    def metrics(self) -> dict[str, float]:
        """Validation metrics of these factors; none where there was no case to validate by."""
        found = self.history[self.epoch - 1].metrics
        return {name: value for name, value in found.items() if np.isfinite(value)}


def train(
    config: TrainingConfig,
    data: TrainingData,
    *,
    resume_dir: Path | None = None,
    on_epoch: OnEpoch | None = None,
    start: Factors | None = None,
    als: Factors | None = None,
) -> TrainingResult:
    """Train a model, going on from the newest epoch in `resume_dir` if there is one.

    `start` is taken as it is (a champion that is trained further); `als` are ALS factors computed before, used when
    `config.start` asks for them and computed here otherwise.

    Raises:
        DivergedError: The loss or a factor is no longer finite. What `resume_dir` holds is the last good epoch.
        LibrariesMissingError: The configuration starts from libraries and `data` has none.
        ResumeMismatchError: `resume_dir` belongs to another configuration or to other data.
    """
    likes = data.train_likes()
    counts = popularity(likes)
    folder = StateFolder(resume_dir, config=config, fingerprint=data.fingerprint) if resume_dir else None
    saved = _resume(folder)
    if saved:
        log.info("resuming after epoch %d of %d", saved.history[-1].epoch, config.epochs)
        factors, state, history = saved.factors, saved.optimiser, list(saved.history)
    else:
        factors, state, history = _starting_factors(config, data, likes, start, als), {}, []
    keys = data.row_keys()
    backend = make_backend(config, factors, popularity=counts, state=state, keys=keys)
    sampler = NegativeSampler(config, likes=likes, popularity=counts, hard=data.hard, easy=data.easy, keys=keys)
    best = _Best(config, history, factors, folder)
    while len(history) < config.epochs and not best.exhausted(history):
        epoch = len(history) + 1
        began = time.perf_counter()
        loss, samples, seconds = _run_epoch(config, data, backend, sampler, epoch)
        factors = backend.factors()
        if not np.isfinite(loss) or not factors.finite():
            last_good = str(folder.path(epoch - 1)) if folder and history else None
            raise DivergedError(epoch=epoch, loss=loss, last_good=last_good)
        report = EpochReport(
            epoch=epoch,
            epochs=config.epochs,
            loss=loss,
            metrics=evaluate(factors, data.validation, threads=config.threads),
            samples=samples,
            seconds=seconds,
            samples_per_second=samples / max(seconds, 1e-9),
            eta_seconds=(time.perf_counter() - began) * (config.epochs - epoch),
            learning_rate=_rate(config, epoch),
        )
        history.append(report)
        best.offer(history, factors)
        if folder:
            folder.save(factors, backend.saved_state(), history, best_epoch=best.epoch)
        _log(report)
        if on_epoch:
            on_epoch(report)
    stopped: Literal["finished", "early"] = "finished" if len(history) == config.epochs else "early"
    if config.patience is None:
        return TrainingResult(factors, history, len(history), stopped)
    return TrainingResult(best.factors, history, best.epoch, stopped)


class _Best:
    """The best epoch so far by validation MRR; its factors are kept only when early stopping may return them."""

    def __init__(self, config: TrainingConfig, history: list[EpochReport], newest: Factors, folder: StateFolder | None):
        self._patience = config.patience
        self.epoch = _best(history)
        self.factors = newest
        if config.patience and folder and history and self.epoch != history[-1].epoch:
            self.factors = folder.load(self.epoch).factors

    def offer(self, history: list[EpochReport], factors: Factors) -> None:
        """Take the newest epoch into account."""
        self.epoch = _best(history)
        if self._patience and self.epoch == history[-1].epoch:
            self.factors = factors

    def exhausted(self, history: list[EpochReport]) -> bool:
        """Whether patience has run out."""
        return self._patience is not None and bool(history) and history[-1].epoch - self.epoch >= self._patience


def _resume(folder: StateFolder | None) -> SavedEpoch | None:
    epochs = folder.epochs() if folder else []
    return folder.load(epochs[-1]) if folder and epochs else None


def _starting_factors(
    config: TrainingConfig, data: TrainingData, likes: Library, start: Factors | None, als: Factors | None
) -> Factors:
    if start is not None:
        return start
    if config.start in ("als", "joint"):
        from buddies_core.recommenders.als import als_factors, warm_start

        if config.start == "joint" and data.user_songs is None and als is None:
            raise LibrariesMissingError
        songs = data.user_songs if config.start == "joint" else None
        return warm_start(als or als_factors(likes, config, user_songs=songs, keys=data.row_keys()), config)
    return random_factors(
        data.row_keys(),
        config.dimension,
        scale=config.start_scale,
        seed=config.seed,
        item_bias=config.item_bias,
    )


def _run_epoch(
    config: TrainingConfig, data: TrainingData, backend: Backend, sampler: NegativeSampler, epoch: int
) -> tuple[float, int, float]:
    """Mean loss, samples, and seconds of training without reading the shards."""
    shards = len(data.shards)
    order = np.argsort(hash_pairs(config.seed, _ORDER, epoch, np.arange(shards)), kind="stable")
    total, samples, seconds, told = 0.0, 0, 0.0, time.perf_counter()
    for done, shard in enumerate(order.tolist(), start=1):
        blocks = data.load(shard)
        began = time.perf_counter()
        seed = int(hash_pairs(config.seed, _ORDER + 1, epoch, shard).item() >> 2)
        loss, count = backend.epoch(sampler.replace(blocks, epoch), rate=_rate(config, epoch), seed=seed)
        total, samples, seconds = total + loss, samples + count, seconds + time.perf_counter() - began
        if not np.isfinite(total):
            break
        if time.perf_counter() - told > _PROGRESS_SECONDS:
            told = time.perf_counter()
            log.info("epoch %d: shard %d of %d, %.2f M samples/s", epoch, done, shards, samples / seconds / 1e6)
    return total / max(samples, 1), samples, seconds


def _rate(config: TrainingConfig, epoch: int) -> float:
    return config.learning_rate * config.decay ** (epoch - 1)


def _best(history: list[EpochReport]) -> int:
    return max(history, key=lambda report: report.metrics["mrr"]).epoch if history else 0


def _log(report: EpochReport) -> None:
    log.info(
        "epoch %d of %d: loss %.4f, MRR %.4f, Hit@5 %.4f, %.2f M samples/s, %.0f s left",
        report.epoch,
        report.epochs,
        report.loss,
        report.metrics["mrr"],
        report.metrics["hit_5"],
        report.samples_per_second / 1e6,
        report.eta_seconds,
    )

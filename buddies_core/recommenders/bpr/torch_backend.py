"""BPR in torch: CUDA when there is one, and the other side of the parity tests on the CPU.

The gradient is written out rather than left to autograd: a group (one user, one positive, k negatives) needs
k + 2 gathered rows and as many scattered ones, and nothing kept for a backward pass. `BprModel` is the same loss for
autograd, which the tests hold the gradient against. On a device a step of 16,384 samples is some thirty launches that
take longer than their work, so steps of SGD are recorded once as a CUDA graph and replayed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch  # noqa: TID253 (this module is the torch backend, imported only when it is asked for)
from torch import nn  # noqa: TID253
from torch.nn.functional import logsigmoid  # noqa: TID253

from buddies_core.kernels.randomness import TRAINING, hash_pairs
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import NO_PLAYLIST, Blocks
from buddies_core.recommenders.factors import Factors, RowKeys, aligned_copy

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8
_ORDER = TRAINING << 8 | 7
_WARM_UP = 3


class BprModel(nn.Module):
    """Two embeddings; `forward` is the summed loss −ln σ(u·i − u·j) of groups, negatives [n, k]."""

    def __init__(self, users: torch.Tensor, playlists: torch.Tensor):
        super().__init__()
        self.users = nn.Embedding.from_pretrained(users, freeze=False)
        self.playlists = nn.Embedding.from_pretrained(playlists, freeze=False)

    def forward(self, users: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
        difference = self.playlists(positives)[:, None, :] - self.playlists(negatives)
        return -logsigmoid((self.users(users)[:, None, :] * difference).sum(-1)).sum()


class TorchBackend:
    """Factors and optimiser state on a device; `epoch` runs over blocks in batches of `batch_size` samples.

    The order of groups within a shard is drawn from (seed, epoch, shard) and the user's and the positive's key.
    Gradients of a batch are summed before the step, so `sgd` with a learning rate per sample wants small batches.
    """

    def __init__(
        self, config: TrainingConfig, factors: Factors, state: dict[str, np.ndarray], keys: RowKeys | None = None
    ):
        self.config = config
        self._keys = keys or RowKeys.of_rows(len(factors.users), len(factors.playlists))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.rows = {
            "users": torch.from_numpy(factors.users.copy()).to(self.device),
            "playlists": torch.from_numpy(factors.playlists.copy()).to(self.device),
        }
        restored = {k: torch.from_numpy(np.array(v)).to(self.device) for k, v in state.items()}
        self.step_count = int(restored.pop("step", torch.zeros(1)).item())
        self.state: dict[str, torch.Tensor] = restored or self._fresh_state()
        self._recorded: dict[tuple[float, torch.Size], RecordedStep] = {}

    def _fresh_state(self) -> dict[str, torch.Tensor]:
        match self.config.optimiser:
            case "adam":
                return {
                    f"{moment}_{side}": torch.zeros_like(rows)
                    for side, rows in self.rows.items()
                    for moment in ("first", "second")
                }
            case "adagrad":
                return {
                    f"square_{side}": torch.zeros(len(rows), device=self.device) for side, rows in self.rows.items()
                }
            case _:
                return {}

    def epoch(self, blocks: Blocks, *, rate: float, seed: int) -> tuple[float, int]:
        """One pass over a shard in an order drawn from `seed`; returns the summed loss and the samples behind it."""
        torch.set_num_threads(self.config.threads)
        lots = hash_pairs(seed, _ORDER, self._keys.users[blocks.users], self._keys.playlists[blocks.positives])
        order = torch.from_numpy((lots >> np.uint64(1)).view(np.int64)).to(self.device).argsort(stable=True)
        u, i, j = (self._on_device(column)[order] for column in (blocks.users, blocks.positives, blocks.negatives))
        groups = max(1, self.config.batch_size // blocks.negatives.shape[1])
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        for first in range(0, len(u), groups):
            some = slice(first, first + groups)
            recordable = self.device.type == "cuda" and self.config.optimiser == "sgd" and len(u[some]) == groups
            step = self._replayed if recordable else self.step
            loss += step(u[some], i[some], j[some], rate)
        return float(loss), int((blocks.negatives != NO_PLAYLIST).sum())

    def _replayed(self, u: torch.Tensor, i: torch.Tensor, j: torch.Tensor, rate: float) -> torch.Tensor:
        """The same as `step`, of a recording: a new one for each rate, the older ones are let go."""
        key = rate, j.shape
        if key not in self._recorded:
            self._recorded = {key: RecordedStep(self.step, (u, i, j), rate)}
        return self._recorded[key]((u, i, j))

    def _on_device(self, numbers: np.ndarray) -> torch.Tensor:
        """uint32 on the device as int32, which torch indexes by; NO_PLAYLIST becomes -1."""
        return torch.from_numpy(np.array(numbers, np.uint32).view(np.int32)).to(self.device)

    def step(self, u: torch.Tensor, i: torch.Tensor, j: torch.Tensor, rate: float) -> torch.Tensor:
        """One optimiser step on a batch of groups; returns its summed loss. A negative below 0 is none."""
        loss, gradients = self.gradients(u, i, j)
        self.step_count += 1
        for side, touched in gradients.items():
            self._apply(side, touched, rate)
        return loss

    def gradients(self, u: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> tuple[torch.Tensor, dict[str, "Touched"]]:
        """Summed loss, and for each side the rows touched, one entry for each time that a row is."""
        there = (j >= 0).float()
        numbers = torch.cat([i[:, None], torch.where(j >= 0, j, i[:, None])], 1)
        user = self.rows["users"].index_select(0, u)
        rows = self.rows["playlists"].index_select(0, numbers.flatten()).view(*numbers.shape, -1)
        products = torch.bmm(rows, user[:, :, None]).squeeze(2)
        margin = products[:, :1] - products[:, 1:]
        loss = -(logsigmoid(margin) * there).sum().double()
        weight = torch.sigmoid(-margin) * there
        weights = torch.cat([-weight.sum(1, keepdim=True), weight], 1)
        d_user = torch.bmm(weights[:, None, :], rows).squeeze(1)
        if self.config.item_bias:
            d_user[:, -1] = 0.0
        d_rows = (weights[:, :, None] * user[:, None, :]).flatten(0, 1)
        once = torch.ones_like(weights[:, :1])
        playlists = Touched(numbers.flatten(), torch.cat([once, there], 1).flatten(), d_rows)
        return loss, {"users": Touched(u, once[:, 0], d_user), "playlists": playlists}

    def _apply(self, side: str, touched: "Touched", rate: float) -> None:
        """SGD adds each entry to its row as it is; the others need the sum of a row's entries first."""
        rows = self.rows[side]
        if self.config.optimiser != "sgd":
            touched = _summed(touched)
        index, times, gradient = touched
        if self.config.l2:
            penalty = self.config.l2 * times[:, None] * rows[index]
            if side == "users" and self.config.item_bias:
                penalty[:, -1] = 0.0
            gradient = gradient + penalty
        match self.config.optimiser:
            case "sgd":
                rows.index_add_(0, index, gradient, alpha=-rate)
            case "adagrad":
                square = self.state[f"square_{side}"]
                square[index] += touched.gradient.square().mean(1)
                rows[index] -= rate * gradient / (square[index].sqrt() + _EPSILON)[:, None]
            case "adam":
                first, second = self.state[f"first_{side}"], self.state[f"second_{side}"]
                m = first[index].lerp_(gradient, 1 - _BETA_1)
                v = second[index].lerp_(gradient.square(), 1 - _BETA_2)
                first[index], second[index] = m, v
                correction = (1 - _BETA_2**self.step_count) ** 0.5 / (1 - _BETA_1**self.step_count)
                rows[index] -= rate * correction * m / (v.sqrt() + _EPSILON)

    def factors(self) -> Factors:
        """Copy of the factors on the host."""
        return Factors(*(aligned_copy(self.rows[side].cpu().numpy()) for side in ("users", "playlists")))

    def saved_state(self) -> dict[str, Any]:
        """Optimiser state as arrays, for the state of an epoch."""
        if not self.state:
            return {}
        return {"step": np.array([self.step_count]), **{k: v.cpu().numpy() for k, v in self.state.items()}}


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class RecordedStep:
    """A step recorded as a CUDA graph for batches of one shape: called with a batch, it returns its summed loss."""

    def __init__(self, step: Callable[..., torch.Tensor], batch: Batch, rate: float):
        self._batch = [column.clone() for column in batch]
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_WARM_UP):  # libraries set themselves up outside of a recording; a rate of 0 changes nothing
                step(*self._batch, 0.0)
        torch.cuda.current_stream().wait_stream(beside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = step(*self._batch, rate)

    def __call__(self, batch: Batch) -> torch.Tensor:
        for column, given in zip(self._batch, batch, strict=True):
            column.copy_(given)
        self._graph.replay()
        return self._loss


class Touched(NamedTuple):
    """Rows with a gradient: `numbers` [n], how often each counts for the penalty `times` [n], and `gradient` [n, d]."""

    numbers: torch.Tensor
    times: torch.Tensor
    gradient: torch.Tensor


def _summed(touched: Touched) -> Touched:
    """Each row once, its times and gradients added up."""
    distinct, place = torch.unique(touched.numbers, return_inverse=True)
    times, gradient = (
        torch.zeros((len(distinct), *part.shape[1:]), device=part.device).index_add_(0, place, part)
        for part in (touched.times, touched.gradient)
    )
    return Touched(distinct, times, gradient)

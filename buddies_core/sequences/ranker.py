"""The second stage: a small network that puts candidates in order from what the scorers say of them.

Two hidden layers over some sixty features. It is trained listwise (the softmax of a request's candidates should lie on
what was really there), by examples of playlists that the scorers had not seen. Measured beside LightGBM on the same
examples it ranks as well or better, and its scores are three matrix products: the service needs numpy alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.sequences.corpus import SequencesError


class RankerConfig(BaseModel):
    """Everything that decides a ranker, given its examples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: tuple[int, int] = Field(default=(64, 32), description="Units of the two hidden layers.")
    epochs: int = Field(default=10, ge=1, le=100, description="Passes over the examples.")
    batch: int = Field(default=64, ge=1, description="Requests in a step.")
    learning_rate: float = Field(default=6e-3, gt=0, description="Greatest step size of a one-cycle schedule.")
    weight_decay: float = Field(default=1e-3, ge=0, description="Of AdamW.")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Of the first hidden layer.")
    pointwise: float = Field(default=0.0, ge=0, description="Weight of a logistic loss beside the softmax.")
    seed: int = Field(default=20_250_514, ge=0)


@dataclass(frozen=True)
class Example:
    """Candidates of one request, of which some are right.

    Attributes:
        features: float32 [n, n_features].
        right: bool [n], with at least one true.
    """

    features: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Ranker:
    """A trained network.

    Attributes:
        mean, scale: float32 [n_features], of features after `_squashed`.
        weights, biases: of the layers, float32 [units out, units in] and [units out].
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Score of each candidate, float32 [n]; only their order within a request means something."""
        values = (_squashed(features) - self.mean) / self.scale
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = values @ weight.T + bias
            if layer + 1 < len(self.weights):
                values = values / (1 + np.exp(-np.clip(values, -60, 60)))
        return values[:, 0]

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """All arrays by name, each behind a prefix."""
        layers = {f"weights_{k}": weight for k, weight in enumerate(self.weights)}
        layers |= {f"biases_{k}": bias for k, bias in enumerate(self.biases)}
        return {f"{prefix}_{name}": array for name, array in {"mean": self.mean, "scale": self.scale, **layers}.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> Self:
        """The ranker from its arrays; scores are equal to the bit."""
        layers = sum(name.startswith(f"{prefix}_weights_") for name in arrays)
        weights, biases = (
            tuple(arrays[f"{prefix}_{kind}_{k}"] for k in range(layers)) for kind in ("weights", "biases")
        )
        return cls(arrays[f"{prefix}_mean"], arrays[f"{prefix}_scale"], weights, biases)


def _squashed(features: np.ndarray) -> np.ndarray:
    """Features on a scale of which a network can see both ends: counts and weights run over five decades."""
    return np.sign(features) * np.log1p(np.abs(features) * np.float32(10.0))


def train_ranker(examples: Sequence[Example], config: RankerConfig) -> Ranker:
    """Learn to rank from examples; the same examples and configuration give the same ranker to the bit.

    Raises:
        SequencesError: no example holds anything right.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    examples = [example for example in examples if example.right.any()]
    if not examples:
        raise SequencesError("no request has its answer among the candidates: a ranker needs more playlists.")
    squashed = _squashed(np.concatenate([example.features for example in examples]))
    mean, scale = squashed.mean(0), squashed.std(0) + np.float32(1e-6)
    values = torch.from_numpy((squashed - mean) / scale)
    right = torch.from_numpy(np.concatenate([example.right for example in examples]).astype(np.float32))
    place, filled = map(torch.from_numpy, _padded([len(example.right) for example in examples]))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = nn.Sequential(
                nn.Linear(values.shape[1], config.hidden[0]), nn.SiLU(), nn.Dropout(config.dropout),
                nn.Linear(config.hidden[0], config.hidden[1]), nn.SiLU(), nn.Linear(config.hidden[1], 1),
            )  # fmt: skip
            optimiser = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
            steps = config.epochs * -(-len(examples) // config.batch)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=steps)
            for _ in range(config.epochs):
                for chosen in torch.randperm(len(examples)).split(config.batch):
                    present = filled[chosen]
                    scores = network(values[place[chosen]]).squeeze(-1).masked_fill(~present, -1e9)
                    wanted = right[place[chosen]] * present
                    share = wanted / wanted.sum(1, keepdim=True)
                    loss = -(torch.log_softmax(scores, 1) * share).sum(1).mean()
                    if config.pointwise:
                        loss = loss + config.pointwise * functional.binary_cross_entropy_with_logits(
                            scores[present], wanted[present]
                        )
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
    finally:
        torch.set_num_threads(threads)
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    weights, biases = (tuple(getattr(layer, name).detach().numpy() for layer in layers) for name in ("weight", "bias"))
    return Ranker(mean, scale, weights, biases)


def _padded(lengths: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Row of each candidate of each request, int64 [requests, most], and whether there is one."""
    most = max(lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    filled = np.arange(most) < np.array(lengths)[:, None]
    return np.where(filled, starts[:, None] + np.arange(most), 0), filled

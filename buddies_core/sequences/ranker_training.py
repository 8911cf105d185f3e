"""Training of the rankers: listwise, on playlists that the scorers had not seen.

The softmax of a request's candidates should lie on what was really there. Measured beside LightGBM on the same examples
the network ranks as well or better.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.errors import SequencesError
from buddies_core.sequences.ranker import Ranker, squashed
from buddies_core.torch_extra import torch_wanted


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


def train_ranker(examples: Sequence[Example], config: RankerConfig) -> Ranker:
    """Learn to rank from examples; the same examples and configuration give the same ranker to the bit.

    Raises:
        SequencesError: no example holds anything right.
    """
    with torch_wanted("training the ranker of songs"):
        import torch
        from torch import nn
        from torch.nn import functional

    examples = [example for example in examples if example.right.any()]
    if not examples:
        raise SequencesError("no request has its answer among the candidates: a ranker needs more playlists.")
    plain = squashed(np.concatenate([example.features for example in examples]))
    mean, scale = plain.mean(0), plain.std(0) + np.float32(1e-6)
    values = torch.from_numpy((plain - mean) / scale)
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

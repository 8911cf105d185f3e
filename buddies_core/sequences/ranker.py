"""The second stage: a small network that puts candidates in order from what the scorers say of them.

Two hidden layers over some sixty features; scores are three matrix products, so the service needs numpy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Ranker:
    """A trained network.

    Attributes:
        mean, scale: float32 [n_features], of features after `squashed`.
        weights, biases: of the layers, float32 [units out, units in] and [units out].
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Score of each candidate, float32 [n]; only their order within a request means something."""
        values = (squashed(features) - self.mean) / self.scale
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


def squashed(features: np.ndarray) -> np.ndarray:
    """Features on a scale of which a network can see both ends: counts and weights run over five decades."""
    return np.sign(features) * np.log1p(np.abs(features) * np.float32(10.0))

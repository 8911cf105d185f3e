"""Which rankers count how much: the mix of trees and blend that ranks hidden plays best out of fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_BLENDS = (0.0, 0.25, 0.5, 1.0)
"""Weights of the blend beside trees of weight 1 in all."""
_MOST = 500


class Ranked(Protocol):
    """A listener's candidates, ranked in several ways."""

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """By what ranked, standardised."""

    @property
    def hits(self) -> np.ndarray:
        """Which were played, bool."""

    @property
    def hidden(self) -> int:
        """How many songs were hidden, found or not."""


@dataclass(frozen=True)
class Mix:
    """Weights by what ranks; those without one count nothing."""

    weights: Mapping[str, float]

    def of(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """The weighted sum."""
        return np.sum([weight * scores[name] for name, weight in self.weights.items()], axis=0)


def best_mix(lists: Sequence[Ranked], kinds: Sequence[str]) -> tuple[Mix, dict[str, float]]:
    """The mix with the highest mean average precision, the simplest of equal ones, and the figures of all tried."""
    tried = {"blend": Mix({"blend": 1.0})}
    tried.update({kind: Mix({kind: 1.0}) for kind in kinds})
    for share in _BLENDS if kinds else ():
        if share or len(kinds) > 1:
            name = " + ".join([*kinds, *([f"{share:g} blend"] if share else [])])
            tried[name] = Mix({kind: 1.0 / len(kinds) for kind in kinds} | ({"blend": share} if share else {}))
    figures = {
        name: float(np.mean([average_precision(mix.of(one.scores), one.hits, one.hidden) for one in lists]))
        for name, mix in tried.items()
    }
    best = max(figures, key=lambda name: figures[name])
    return tried[best], figures


def average_precision(scores: np.ndarray, hits: np.ndarray, hidden: int) -> float:
    """Average precision at 500 of one list as the Million Song Dataset Challenge counts it."""
    got = hits[np.argsort(-scores, kind="stable")][:_MOST]
    return float((got * np.cumsum(got) / np.arange(1, len(got) + 1)).sum() / min(_MOST, hidden))


def row_standard(values: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and standard deviation 1, float64; a constant one is zero; what is not finite stays last."""
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0.0).astype(np.float64)
    count = np.maximum(finite.sum(axis=1, keepdims=True), 1)
    centred = np.where(finite, kept - kept.sum(axis=1, keepdims=True) / count, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    found = centred / np.where(deviation > 1e-12, deviation, 1.0)
    return np.where(finite, found, found.min(axis=1, keepdims=True) - 1.0)

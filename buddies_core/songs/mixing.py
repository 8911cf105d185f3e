"""Which rankers count how much: the mix of trees and blend that ranks hidden plays best out of fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_SHARES = (0.25, 0.5)
"""Weights that are tried for what is added."""
_STEPS, _WORTH = 4, 1.003
"""How often something is added, and what it must be worth each time: less is chance."""
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
    """The mix with the highest mean average precision, and the figures of all that rank alone and of the mix.

    Ensemble selection (Caruana et al., 2004): from the best of what ranks alone, the trees together, and the trees with
    the blend, one after the other is added as long as that is worth something.

    Args:
        kinds: of trees, among what ranks.
    """
    figures = {name: _value(Mix({name: 1.0}), lists) for name in lists[0].scores}
    together = dict.fromkeys(kinds, 1.0 / max(len(kinds), 1))
    starts = [{name: 1.0} for name in figures]
    if kinds:
        starts += [together, together | {"blend": 0.5}]
    values = [figures[next(iter(start))] if len(start) == 1 else _value(Mix(start), lists) for start in starts]
    best, value = starts[int(np.argmax(values))], max(values)
    for _ in range(_STEPS):
        tried = [{**best, name: best.get(name, 0.0) + share} for name in figures for share in _SHARES]
        found = [_value(Mix(weights), lists) for weights in tried]
        if max(found) < value * _WORTH:
            break
        best, value = tried[int(np.argmax(found))], max(found)
    return Mix(best), {**figures, "mix": value}


def _value(mix: Mix, lists: Sequence[Ranked]) -> float:
    return float(np.mean([average_precision(mix.of(one.scores), one.hits, one.hidden) for one in lists]))


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

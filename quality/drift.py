"""Drift: how far today's numbers lie from a reference window, each measure with the band it is expected in.

Distributions are compared by the population stability index (PSI) and by the Jensen-Shannon distance over the
reference's own bins, and by the Kolmogorov-Smirnov distance over the samples; counts by their ratio to the median of
the window. Bands are those in common use (PSI below 0.1 is stable, above 0.25 is a shift), widened by what chance alone
gives a sample of this size, so that a small set does not raise an alarm by being small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quality.rules.verdict import Finding, within

PSI_SHIFT = 0.25
DISTANCE_SHIFT = 0.15
BINS = 10
LEAST_VOLUME, MOST_VOLUME = 0.5, 2.0
FEWEST = 50
"""Values below which a distribution is not judged: ten bins of fewer than five say nothing."""


MOST_VALUES = 100_000
"""Values that stand for one stored histogram: more would only cost time."""


@dataclass(frozen=True)
class Drift:
    """One measure of one asset against its reference: the figure and the band it must lie in."""

    asset: str
    measure: str
    method: str
    finding: Finding

    @property
    def passed(self) -> bool:
        """Whether the figure is within its band."""
        return self.finding.passed

    @property
    def strain(self) -> float:
        """How far the figure is from where it should be, in half-widths of its band: above 1 it is outside."""
        value, low, high = self.finding.value, self.finding.low or 0.0, self.finding.high
        if high is None:
            return 0.0
        middle = 0.0 if low == 0.0 else (low + high) / 2
        half = high - middle
        return abs(value - middle) / half if half else float(value != middle)


def bin_edges(reference: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Edges at the quantiles of the reference, open at both ends; fewer where the reference repeats values."""
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.concatenate([[-np.inf], inner, [np.inf]])


def shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of values in each bin, [len(edges) - 1]; a value on an edge belongs to the bin above."""
    return np.bincount(np.searchsorted(edges[1:-1], values, side="right"), minlength=len(edges) - 1) / len(values)


def population_stability(current: np.ndarray, reference: np.ndarray) -> Finding:
    """PSI of two samples over the reference's deciles; expected below 0.25, more where a sample is small."""
    if min(len(current), len(reference)) < FEWEST:
        return within(0.0, None, None, len(current))
    edges = bin_edges(reference)
    floor = 0.5 / max(len(current), len(reference))
    now, then = np.maximum(shares(current, edges), floor), np.maximum(shares(reference, edges), floor)
    chance = 3.0 * (len(edges) - 2) * (1 / len(current) + 1 / len(reference))
    return within(float(((now - then) * np.log(now / then)).sum()), 0.0, PSI_SHIFT + chance, len(current))


def jensen_shannon(current: np.ndarray, reference: np.ndarray) -> Finding:
    """Jensen-Shannon distance (base 2, 0 to 1) of two samples over the reference's deciles."""
    from scipy.spatial.distance import jensenshannon

    if min(len(current), len(reference)) < FEWEST:
        return within(0.0, None, None, len(current))
    edges = bin_edges(reference)
    distance = float(jensenshannon(shares(current, edges), shares(reference, edges), base=2))
    chance = (3.0 * (len(edges) - 2) / (8 * np.log(2)) * (1 / len(current) + 1 / len(reference))) ** 0.5
    return within(distance, 0.0, DISTANCE_SHIFT + float(chance), len(current))


def kolmogorov_smirnov(current: np.ndarray, reference: np.ndarray) -> Finding:
    """Largest distance of the two distribution functions; expected below 0.15 plus 1.95 √(1/n + 1/m)."""
    from scipy.stats import ks_2samp

    if min(len(current), len(reference)) < FEWEST:
        return within(0.0, None, None, len(current))
    statistic = float(ks_2samp(current, reference, method="asymp").statistic)
    chance = 1.95 * (1 / len(current) + 1 / len(reference)) ** 0.5
    return within(statistic, 0.0, DISTANCE_SHIFT + chance, len(current))


def volume(current: float, window: Sequence[float]) -> Finding:
    """A count over the median of those before it; expected between one half and twice; anything without a window."""
    if not window:
        return within(1.0, LEAST_VOLUME, MOST_VOLUME)
    usual = float(np.median(np.asarray(window, np.float64)))
    return within(current / usual if usual else 1.0, LEAST_VOLUME, MOST_VOLUME, len(window))


def share_change(current: float, window: Sequence[float], room: float = 0.05) -> Finding:
    """A share (nulls, cold users) less the median of those before it; expected within five points."""
    usual = float(np.median(np.asarray(window, np.float64))) if window else current
    return within(current - usual, -room, room, len(window))


METHODS = {"psi": population_stability, "jensen_shannon": jensen_shannon, "kolmogorov_smirnov": kolmogorov_smirnov}
"""Comparisons of two samples, by the name the history keeps."""


def compare_samples(
    asset: str, current: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray], methods: Mapping[str, str]
) -> list[Drift]:
    """Every measure that both samples have, by the method named for it."""
    return [
        Drift(asset, measure, method, METHODS[method](np.asarray(current[measure]), np.asarray(reference[measure])))
        for measure, method in methods.items()
        if measure in current and measure in reference
    ]


def resampled(figures: Mapping[str, Any], most: int = MOST_VALUES) -> np.ndarray:
    """A sample of a stored distribution's shape and size (at most about `most`): each kept quantile equally often.

    A histogram would not do: its bins end where its own tail begins, so two versions are cut in different places.
    """
    kept = np.asarray(figures.get("quantiles") or [], np.float64)
    return np.repeat(kept, max(1, round(min(figures["count"], most) / len(kept)))) if len(kept) else kept

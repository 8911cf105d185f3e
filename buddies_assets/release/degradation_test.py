"""A test that may look every day for years: Shiryaev-Roberts detectors of a fall in a rate or in ranks.

Each day multiplies evidence of a fall (a likelihood ratio, whose mean is at most 1 as long as nothing has fallen) and
adds 1 for a fall that begins today. Evidence minus days is then a supermartingale, so the mean time to a false alarm is
at least the threshold in days, whatever the traffic and however often one looks within a day.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NEVER = math.inf


@dataclass(frozen=True)
class Level:
    """What was measured when the model was promoted: the level a fall is measured from.

    `like_rate` is likes per recommendation, `reciprocal_rank` the mean of 1/rank of the liked; both are lower
    confidence bounds, since a level that was overestimated would raise alarms by itself. 0 switches that test off.
    """

    like_rate: float
    reciprocal_rank: float = 0.0


@dataclass(frozen=True)
class Day:
    """One day of a model's feedback. `ranks` counts likes by rank in the list as shown; unknown ranks are left out."""

    recommendations: int
    likes: int
    ranks: Mapping[int, int]


@dataclass(frozen=True)
class Evidence:
    """Evidence of a fall after some days: that of the like-rate and of the ranks, and the recommendations looked at."""

    rate: float = 0.0
    rank: float = 0.0
    recommendations: int = 0


@dataclass(frozen=True)
class Verdict:
    """What the days say: evidence of each test against the threshold, and the recommendations seen so far."""

    rate_evidence: float
    rank_evidence: float
    threshold: float
    recommendations: int
    day: int | None

    @property
    def degraded(self) -> bool:
        """Whether either test has raised its alarm."""
        return self.day is not None

    @property
    def evidence(self) -> Evidence:
        """What later days go on from."""
        return Evidence(self.rate_evidence, self.rank_evidence, self.recommendations)

    def summary(self) -> str:
        """Evidence in words, for a skip reason or a decision's record."""
        return (
            f"evidence of a fall: like-rate {self.rate_evidence:.3g}, rank {self.rank_evidence:.3g} "
            f"(alarm at {self.threshold:.0f}) over {self.recommendations:,} recommendations"
        )


def watch(
    days: Iterable[Day], level: Level, *, drop: float, alarm_days: float, before: Evidence | None = None
) -> Verdict:
    """The verdict over a model's days since its promotion.

    Args:
        drop: the relative fall the test is built to find, such as 0.2; smaller ones are found later, or never.
        alarm_days: mean days to a false alarm, at least. Two tests share it: each has twice the threshold.
        before: evidence of the days before these.
    """
    threshold = 2 * alarm_days
    before = before or Evidence()
    rate, rank, seen, alarm = before.rate, before.rank, before.recommendations, None
    for number, day in enumerate(days):
        seen += day.recommendations
        rate = math.exp(min(700.0, rate_log_ratio(day, level.like_rate, drop))) * (rate + 1)
        rank = math.exp(min(700.0, rank_log_ratio(day, level.reciprocal_rank, drop))) * (rank + 1)
        rate, rank = min(rate, 1e300), min(rank, 1e300)
        if alarm is None and max(rate, rank) >= threshold:
            alarm = number
            break
    return Verdict(rate, rank, threshold, seen, alarm)


def rate_log_ratio(day: Day, level: float, drop: float) -> float:
    """Log likelihood ratio of a rate fallen by `drop` against the level; 0 where there is no level."""
    if not 0 < level < 1 or day.recommendations == 0:
        return 0.0
    fallen = level * (1 - drop)
    missed = max(0, day.recommendations - day.likes)
    return day.likes * math.log(fallen / level) + missed * math.log((1 - fallen) / (1 - level))


def rank_log_ratio(day: Day, level: float, drop: float) -> float:
    """Log of a bet against the level of the mean reciprocal rank: its mean is at most 0 in logs while that holds."""
    if not 0 < level < 1:
        return 0.0
    stake = _stake(level, drop)
    return sum(count * math.log1p(stake * (level - 1.0 / rank)) for rank, count in day.ranks.items())


def _stake(level: float, drop: float) -> float:
    """How much to bet: near the best for a fall by `drop`, and never so much that a rank of 1 could ruin it."""
    spread = max(level * (1 - level), 1e-3)
    return min(level * drop / spread, 0.5 / (1 - level))


def predicted_recommendations(level: float, after: float, *, drop: float, alarm_days: float) -> float:
    """Recommendations after a fall to the rate `after` until the alarm, in the mean (Wald); inf if it never comes."""
    fallen = level * (1 - drop)
    gain = after * math.log(fallen / level) + (1 - after) * math.log((1 - fallen) / (1 - level))
    return math.log(2 * alarm_days) / gain if gain > 0 else NEVER


def lower_bound(successes: float, trials: int, *, confidence: float = 0.95) -> float:
    """Wilson's one-sided lower bound of a share; 0 of nothing is 0."""
    if trials <= 0:
        return 0.0
    from statistics import NormalDist

    z = NormalDist().inv_cdf(confidence)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(max(0.0, share * (1 - share)) / trials + z * z / (4 * trials * trials))
    return max(0.0, (centre - spread) / (1 + z * z / trials))

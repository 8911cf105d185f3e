"""Whether a challenger is promoted, rolled back or watched further: a decision that may be asked for at any time.

The bounds hold for all polls together (Howard, Ramdas, McAuliffe and Sekhon 2021, one-sided normal mixture), so
asking every minute does not wear the confidence down.
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What to do with a challenger."""

    WAIT = "wait"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True)
class Arm:
    """Recommendations given and likes received while both models were served."""

    recommendations: int
    likes: int

    @property
    def rate(self) -> float:
        """Likes per recommendation; 0 of nothing is 0. At most 1, though counts of recommendations may be lost."""
        return min(1.0, self.likes / self.recommendations) if self.recommendations else 0.0


@dataclass(frozen=True)
class CanaryPolicy:
    """What a challenger has to show.

    Attributes:
        confidence: of either decision, over all polls.
        margin: relative loss that still counts as not worse.
        fewest: recommendations of the challenger before anything is decided.
        most: recommendations of the challenger after which an undecided trial ends with the champion.
    """

    confidence: float = 0.95
    margin: float = 0.1
    fewest: int = 200
    most: int = 50_000


@dataclass(frozen=True)
class Decision:
    """An action with the numbers behind it: bounds on the difference of rates, challenger less champion."""

    action: Action
    reason: str
    difference: float
    low: float
    high: float


def decide(champion: Arm, challenger: Arm, policy: CanaryPolicy, *, failed_checks: tuple[str, ...] = ()) -> Decision:
    """The decision on a challenger's feedback so far."""
    difference = challenger.rate - champion.rate
    width = _half_width(champion, challenger, policy)
    low, high = difference - width, difference + width
    if failed_checks:
        return Decision(Action.ROLL_BACK, f"failed checks: {', '.join(failed_checks)}", difference, low, high)
    told = (
        f"like-rate {challenger.rate:.4f} of {challenger.recommendations:,} against {champion.rate:.4f} of "
        f"{champion.recommendations:,}; difference in [{low:+.4f}, {high:+.4f}]"
    )
    if min(challenger.recommendations, champion.recommendations) < policy.fewest:
        waiting = f"{challenger.recommendations:,} of at least {policy.fewest:,} recommendations by the challenger"
        return Decision(Action.WAIT, f"{waiting}; {told}", difference, low, high)
    if high < 0:
        return Decision(Action.ROLL_BACK, f"clearly worse: {told}", difference, low, high)
    tolerated = policy.margin * champion.rate
    if low > -tolerated:
        return Decision(Action.PROMOTE, f"not worse by more than {tolerated:.4f}: {told}", difference, low, high)
    if challenger.recommendations >= policy.most:
        return Decision(Action.ROLL_BACK, f"not shown to be as good: {told}", difference, low, high)
    return Decision(Action.WAIT, told, difference, low, high)


def _half_width(champion: Arm, challenger: Arm, policy: CanaryPolicy) -> float:
    """Half the width of the confidence sequence; inf until both arms have been seen.

    The boundary is tuned to be tightest at ten times the fewest recommendations of the challenger.
    """
    if not champion.recommendations or not challenger.recommendations:
        return math.inf
    variance = _variance(champion) + _variance(challenger)
    information = 1.0 / variance
    spread = (champion.rate * (1 - champion.rate) + challenger.rate * (1 - challenger.rate)) or 0.25
    tuned = 10 * policy.fewest / spread
    alpha = 1 - policy.confidence
    rho = (
        tuned / (2 * math.log(1 / (2 * alpha)) + math.log(1 + 2 * math.log(1 / (2 * alpha)))) if alpha < 0.5 else tuned
    )
    total = information + rho
    boundary = math.sqrt(2 * total * math.log(math.sqrt(total / rho) / (2 * alpha) + 1))
    return boundary / information


def _variance(arm: Arm) -> float:
    """Variance of the arm's rate; a rate of 0 or 1 is smoothed, or it would look certain after one recommendation."""
    smoothed = (min(arm.likes, arm.recommendations) + 1) / (arm.recommendations + 2)
    return smoothed * (1 - smoothed) / arm.recommendations

"""How well positives are ranked among their negatives; a tie counts at its expected rank, whoever gives the scores."""

from dataclasses import dataclass

import numpy as np

from buddies_core.errors import BuddiesError

HITS = (1, 5, 10)
DEPTH = 10
FIGURES = ("mrr", *(f"hit_{k}" for k in HITS), f"ndcg_{DEPTH}")
"""Names of what `figures` gives, column by column."""


class NonFiniteScoresError(BuddiesError, ValueError):
    """A score is NaN or infinite: a NaN compares false with everything and would rank first."""


@dataclass(frozen=True)
class RankingMetrics:
    """Means over the batches; each batch has one positive, so recall at 10 equals hit at 10.

    Attributes:
        batches: how many were ranked; every mean is NaN when there are none.
        mrr: mean of 1 / rank. hit_1, hit_5, hit_10: share with the positive among the first k.
        ndcg_10: mean of 1 / log2(1 + rank) where the rank is at most 10, else 0. recall_10: share found in 10.
    """

    batches: int
    mrr: float
    hit_1: float
    hit_5: float
    hit_10: float
    ndcg_10: float
    recall_10: float


def require_finite(scores: np.ndarray, what: str) -> None:
    """Refuses scores that cannot be ranked.

    Raises:
        NonFiniteScoresError: names the first bad position.
    """
    good = np.isfinite(scores)
    if not good.all():
        position = tuple(int(i) for i in np.argwhere(~good)[0])
        raise NonFiniteScoresError(
            f"{what}: {int((~good).sum())} of {good.size} are not finite, the first at {position}: "
            "the model has diverged; lower its learning rate or look at its inputs"
        )


def ranks_of(positive_scores: np.ndarray, negative_scores: np.ndarray) -> np.ndarray:
    """Expected rank of each positive, from 1, if a lot decided between equal scores: one more than the negatives that
    score more, and half of those that score as much.

    Args:
        positive_scores: [n]; negative_scores: [n, k].

    Returns:
        float64 [n], in halves.

    Raises:
        NonFiniteScoresError: a score is NaN or infinite.
    """
    require_finite(positive_scores, "scores of positives")
    require_finite(negative_scores, "scores of negatives")
    own = positive_scores[:, None]
    return 1 + (negative_scores > own).sum(axis=1) + (negative_scores == own).sum(axis=1) / 2


def tied(positive_scores: np.ndarray, negative_scores: np.ndarray) -> np.ndarray:
    """Which positives score as much as one of their negatives, bool [n]; shapes as of `ranks_of`."""
    return (negative_scores == positive_scores[:, None]).any(axis=1)


def summarise(ranks: np.ndarray) -> RankingMetrics:
    """The metrics of a set of ranks."""
    if len(ranks) == 0:
        return RankingMetrics(0, *[float("nan")] * 6)
    means = [float(column.mean()) for column in figures(ranks).T]
    means.append(means[FIGURES.index(f"hit_{DEPTH}")])
    return RankingMetrics(len(ranks), *means)


def figures(ranks: np.ndarray) -> np.ndarray:
    """What each rank brings to the means of `FIGURES`, float64 [n, len(FIGURES)]."""
    ranks = np.asarray(ranks, np.float64)
    gain = np.where(ranks <= DEPTH, 1.0 / np.log2(1.0 + ranks), 0.0)
    return np.column_stack([1.0 / ranks, *((ranks <= k).astype(np.float64) for k in HITS), gain])

"""Ranking metrics the plain way: one batch at a time."""

import math


def rank(positive: float, negatives: list[float]) -> float:
    """Mean rank of the positive, from 1, over every order of those that score alike."""
    higher = sum(1 for negative in negatives if negative > positive)
    equal = sum(1 for negative in negatives if negative == positive)
    return sum(higher + 1 + before for before in range(equal + 1)) / (equal + 1)


def metrics(ranks: list[float]) -> dict[str, float]:
    """Means of the metrics over the ranks."""
    n = len(ranks)
    return {
        "mrr": sum(1 / r for r in ranks) / n,
        "hit_1": sum(r <= 1 for r in ranks) / n,
        "hit_5": sum(r <= 5 for r in ranks) / n,
        "hit_10": sum(r <= 10 for r in ranks) / n,
        "ndcg_10": sum(1 / math.log2(1 + r) for r in ranks if r <= 10) / n,
        "recall_10": sum(r <= 10 for r in ranks) / n,
    }

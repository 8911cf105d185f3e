"""Evaluation of a model in cases of one positive among negatives: ranks, metrics and their intervals.

A tie counts at its expected rank: 1 + (negatives that score higher) + half of those that score as much, so that a
constant scorer gets rank 26 of 51 everywhere, and no model gains or loses by the order in which equals are stored.
A score that is not finite raises.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
from numba import njit, prange

from buddies_core.evaluation.metrics import FIGURES, NonFiniteScoresError, figures, ranks_of, summarise
from buddies_core.interactions.csr import Library
from buddies_core.kernels.buffers import read_only
from buddies_core.kernels.randomness import TRAINING, hash_pairs
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.factors import Factors

CaseScorer = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Scores of cases: users uint32 [n] and playlists uint32 [n, m] to float [n, m]; the positive is the first column."""

_CASE_CHUNK = 1 << 14
_DIVERGED = 0


@njit(parallel=True, fastmath={"reassoc", "contract"}, nogil=True, cache=True)
def _case_ranks(users, playlists, case_users, positives, negatives):
    n, width = negatives.shape
    dimension = users.shape[1]
    ranks = np.empty(n, np.float32)
    for b in prange(n):
        user = users[case_users[b]]
        positive = playlists[positives[b]]
        score = np.float32(0.0)
        for d in range(dimension):
            score += user[d] * positive[d]
        higher, equal = 0, 0
        finite = np.isfinite(score)
        for k in range(width):
            other = playlists[negatives[b, k]]
            against = np.float32(0.0)
            for d in range(dimension):
                against += user[d] * other[d]
            finite = finite and np.isfinite(against)
            higher += against > score
            equal += against == score
        ranks[b] = np.float32(1 + higher) + np.float32(0.5) * np.float32(equal) if finite else np.float32(_DIVERGED)
    return ranks


def case_ranks(factors: Factors, cases: EvaluationCases, *, threads: int = 1) -> np.ndarray:
    """Expected rank of each positive in its case, float32 [n], 1 the best.

    Raises:
        NonFiniteScoresError: A factor or a score is NaN or infinite.
    """
    use_threads(threads)
    rows = read_only(factors.users), read_only(factors.playlists)
    ranks = _case_ranks(*rows, cases.users, cases.positives, cases.negatives)
    broken = np.flatnonzero(ranks == _DIVERGED)
    if len(broken):
        raise NonFiniteScoresError(
            f"case {int(broken[0])} has a score that is not finite and cannot be ranked: the model has diverged; "
            "lower its learning rate and train again"
        )
    return ranks


def scorer_ranks(scorer: CaseScorer, cases: EvaluationCases) -> np.ndarray:
    """`case_ranks` of any scorer, in chunks."""
    parts = []
    for first in range(0, len(cases), _CASE_CHUNK):
        last = first + _CASE_CHUNK
        playlists = np.column_stack([cases.positives[first:last], cases.negatives[first:last]])
        scores = scorer(cases.users[first:last], playlists)
        parts.append(ranks_of(scores[:, 0], scores[:, 1:]))
    return np.concatenate(parts) if parts else np.empty(0, np.float64)


def case_metrics(ranks: np.ndarray) -> dict[str, float]:
    """MRR, Hit@1/5/10, NDCG@10 and Recall@10 of ranks, by name; NaN when there are none."""
    return {name: value for name, value in asdict(summarise(ranks)).items() if name != "batches"}


def evaluate(factors: Factors, cases: EvaluationCases, *, threads: int = 1) -> dict[str, float]:
    """Metrics of factors on cases."""
    return case_metrics(case_ranks(factors, cases, threads=threads))


def intervals(
    ranks: np.ndarray, users: np.ndarray, *, seed: int, resamples: int = 400, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Interval of each metric by bootstrap over users: the cases of one user are not independent, users are.

    Weights are Poisson(1) per user and resample, which for many users is the multinomial bootstrap.
    """
    distinct, place = np.unique(users, return_inverse=True)
    values = figures(ranks)
    sums = np.stack([np.bincount(place, weights=column, minlength=len(distinct)) for column in values.T])
    cases = np.bincount(place, minlength=len(distinct))
    generator = np.random.default_rng(seed)
    draws = np.empty((resamples, len(sums)))
    for resample in range(resamples):
        weights = generator.poisson(1.0, len(distinct))
        draws[resample] = sums @ weights / max(1, int(cases @ weights))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: (float(a), float(b)) for name, a, b in zip(FIGURES, low, high, strict=True)}


def random_scorer(seed: int) -> CaseScorer:
    """Baseline that knows nothing: a hash of (user, playlist)."""

    def score(users: np.ndarray, playlists: np.ndarray) -> np.ndarray:
        return (hash_pairs(seed, TRAINING << 8 | 9, users[:, None], playlists) >> np.uint64(11)).astype(np.float64)

    return score


def popularity_scorer(popularity: np.ndarray) -> CaseScorer:
    """Baseline that knows nothing of the user: the playlist's likers in train."""
    likers = np.asarray(popularity, np.float64)
    return lambda users, playlists: likers[playlists]


def factor_scorer(factors: Factors) -> CaseScorer:
    """A model as a scorer, for comparisons; `case_ranks` is the fast way."""
    return lambda users, playlists: np.einsum("nd,nmd->nm", factors.users[users], factors.playlists[playlists])


def popularity(likes: Library) -> np.ndarray:
    """Likers of each playlist in train, int64 [n_playlists]."""
    return np.bincount(likes.indices, minlength=likes.n_columns)

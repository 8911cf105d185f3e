"""Known ways in which a ranking model goes wrong while its mean metrics look well, each as a named check.

A check compares the model's lists with what it must hold at least; groups with too few users to be judged pass and say
so. Lists are what would be shown: the best five of each user's candidates.
"""

from dataclasses import dataclass

import numpy as np

from buddies_core.evaluation.inequality import gini
from buddies_core.interactions.csr import Library

SHOWN = 5
FEWEST = 20
FEWEST_TEST_POSITIVES = 100


@dataclass(frozen=True)
class Judged:
    """One check's result: the figure, its lower (`at_most`: upper) limit, how many were looked at, the rule."""

    name: str
    passed: bool
    value: float
    limit: float
    looked_at: int
    text: str
    at_most: bool = False


@dataclass(frozen=True)
class Offline:
    """What the checks look at.

    Attributes:
        shown: users x playlists, the best five of each user.
        test_ranks: rank of each test positive in its case (1 the best), with `test_users` and `test_positives`.
        user_songs: lengths of the users' libraries; cold: users set aside.
        n_offered: distinct playlists among all candidates.
        champion_ranks: ranks by the champion of the same test positives, NaN where it does not know the user or a
            playlist; None where there is no champion to compare with.
        by_likes: whether the model was taught likes, which the test set is made of; otherwise its loss there is shown
            and holds nothing back (`listener_evaluation` judges such a model).
    """

    shown: Library
    test_ranks: np.ndarray
    test_users: np.ndarray
    test_positives: np.ndarray
    user_songs: np.ndarray
    cold: np.ndarray
    n_offered: int
    champion_ranks: np.ndarray | None = None
    by_likes: bool = True


def judge(offline: Offline, *, tolerance: float) -> list[Judged]:
    """Every named check on one model; `tolerance` is the fall of MRR on the test set that is let pass."""
    mrr = float((1 / offline.test_ranks).mean()) if len(offline.test_ranks) else 0.0
    shortest, longest = np.quantile(offline.user_songs, [0.02, 0.99]) if len(offline.user_songs) else (0, 0)
    few = offline.user_songs <= max(1, shortest)
    many = offline.user_songs >= longest
    return [
        _test_set(offline, tolerance),
        _cold_users(offline),
        _group("users_with_one_song_are_ranked", offline, few[offline.test_users], mrr, "users with the fewest songs"),
        _group(
            "very_long_libraries_are_ranked", offline, many[offline.test_users], mrr, "users of the longest libraries"
        ),
        _coverage(offline),
        _spread(offline),
    ]


def _test_set(offline: Offline, tolerance: float) -> Judged:
    """The paired difference of reciprocal ranks, with its 95 % interval; fewer than a hundred positives cannot tell."""
    text = "MRR on the test positives that the champion knows is not significantly below its, less the tolerance."
    before = np.full(len(offline.test_ranks), np.nan) if offline.champion_ranks is None else offline.champion_ranks
    known = np.isfinite(before)
    n = int(known.sum())
    if n < FEWEST_TEST_POSITIVES:
        return Judged("test_set_does_not_regress", True, 0.0, -tolerance, n, text)
    differences = 1 / offline.test_ranks[known] - 1 / before[known]
    highest = float(differences.mean() + 1.96 * differences.std(ddof=1) / np.sqrt(n))
    if not offline.by_likes:
        text += " This model was taught taste: the figure is shown, and hidden plays judge it."
    passed = highest >= -tolerance or not offline.by_likes
    return Judged("test_set_does_not_regress", passed, highest, -tolerance, n, text)


def _cold_users(offline: Offline) -> Judged:
    cold = np.flatnonzero(offline.cold)
    without = int((offline.shown.lengths[cold] == 0).sum())
    share = 1 - without / len(cold) if len(cold) else 1.0
    text = "Cold users have candidates of their own (through their neighbours), or there is a reason to look."
    return Judged("cold_users_are_offered_something", len(cold) < FEWEST or share >= 0.5, share, 0.5, len(cold), text)


def _group(name: str, offline: Offline, members: np.ndarray, mrr: float, who: str) -> Judged:
    ranks = offline.test_ranks[members]
    value = float((1 / ranks).mean()) if len(ranks) else mrr
    limit = 0.25 * mrr
    text = f"MRR of {who} is at least a quarter of everybody's."
    return Judged(name, len(ranks) < FEWEST or value >= limit, value, limit, len(ranks), text)


def _coverage(offline: Offline) -> Judged:
    distinct = len(np.unique(offline.shown.indices))
    possible = max(1, min(offline.n_offered, len(offline.shown.indices)))
    value = distinct / possible
    text = "Lists reach a twentieth of the playlists they could reach: fewer is a collapse onto popular ones."
    return Judged("recommendations_cover_the_offer", value >= 0.05 or not distinct, value, 0.05, possible, text)


def _spread(offline: Offline) -> Judged:
    times = np.bincount(offline.shown.indices, minlength=offline.shown.n_columns)
    value = gini(np.sort(times)[::-1][: max(1, offline.n_offered)])
    text = "The Gini coefficient of how often playlists are shown is at most 0.98: beyond it everybody sees the same."
    return Judged("recommendations_are_spread", value <= 0.98, value, 0.98, int(times.sum()), text, at_most=True)

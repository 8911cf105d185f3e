"""The quality table: each system against the same bags, the same matched bags, and the whole catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from buddies_core.evaluation.metrics import DEPTH, ranks_of, require_finite
from buddies_core.evaluation.popularity_matched import matched_bags
from buddies_core.evaluation.ranks import bag_metrics, intervals
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.baselines import System
from buddies_core.recommenders.bpr.data import Bags, even_places

_CHUNK_CELLS, _CHUNK_PAIRS = 1 << 25, 1 << 21
_LISTED_CELLS, _FEWEST_LISTED = 500_000_000, 500
"""Scores of whole rows that a system and split may cost: 5,000 users of 100,000 playlists, 500 of a million."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What all systems are asked. Rows of the libraries are users.

    `bags` and `matched` hold the same positives. `relevant` are the likes of the split judged, `seen` those of the
    other splits, which no list may repeat. `popularity` are the likers in train. `users` are the users judged.
    """

    split: str
    bags: Bags
    matched: Bags
    relevant: Library
    seen: Library
    popularity: np.ndarray
    users: np.ndarray


def examination(
    split: str,
    bags: Bags,
    *,
    likes: Library,
    train: Library,
    popularity: np.ndarray,
    seed: int,
    most_users: int = 5_000,
) -> Examination:
    """The examination of a split, on at most `most_users` of its users (drawn evenly over their numbers).

    Args:
        bags: the split's bags; their positives are what is relevant.
        likes: every split's likes.
        train: likes in train, the only ones a system knows; the rest of `likes` is kept out of lists as well.
    """
    users = np.unique(bags.users)
    users = users[even_places(len(users), most_users)]
    judged = np.isin(bags.users, users)
    bags = Bags(bags.users[judged], bags.positives[judged], bags.negatives[judged])
    relevant = Library.from_pairs(bags.users, bags.positives, train.n_rows, train.n_columns)
    seen = _difference(likes, relevant, users)
    return Examination(split, bags, matched_bags(bags, likes, popularity, seed=seed), relevant, seen, popularity, users)


def quality_table(systems: Iterable[System], exams: Iterable[Examination], *, seed: int) -> list[dict[str, object]]:
    """One row a (system, split).

    Columns: system, split, users, bags; mrr, hit_1, hit_5, hit_10, ndcg_10 of the bags and matched_mrr of the matched
    ones, each with `_low` and `_high` (95 %, bootstrap over users). Over the whole catalogue less what was seen, for
    `listed_users` of the users: all_ndcg_10 (with `_low` and `_high`) and all_recall_10; coverage, the share of the
    catalogue in anybody's first ten; novelty, the mean of −log2 of the share of users who like what is in them.
    """
    exams = list(exams)
    return [judge(system, exam, seed=seed) for system in systems for exam in exams]


def judge(system: System, exam: Examination, *, seed: int) -> dict[str, object]:
    """One row of the quality table.

    Raises:
        NonFiniteScoresError: The system gives a score that cannot be ranked.
    """
    ranks, matched = _ranks(system, exam)
    metrics: dict[str, object] = {"system": system.name, "split": exam.split, "users": len(exam.users)}
    metrics |= {"bags": len(ranks), **bag_metrics(ranks)}
    metrics["matched_mrr"] = bag_metrics(matched)["mrr"]
    spread = intervals(ranks, exam.bags.users, seed=seed)
    spread["matched_mrr"] = intervals(matched, exam.bags.users, seed=seed)["mrr"]
    metrics |= {f"{name}_low": low for name, (low, _) in spread.items()}
    metrics |= {f"{name}_high": high for name, (_, high) in spread.items()}
    most = max(_FEWEST_LISTED, _LISTED_CELLS // exam.relevant.n_columns)
    listed = exam.users[even_places(len(exam.users), most)]
    return metrics | {"listed_users": len(listed)} | list_metrics(first_ten(system, exam, listed), exam, listed)


def _ranks(system: System, exam: Examination) -> tuple[np.ndarray, np.ndarray]:
    """Ranks among the bags' negatives and among the matched ones, int64 [n] each; no whole row is looked at."""
    order = np.argsort(exam.bags.users, kind="stable")
    width, others = exam.bags.negatives.shape[1], exam.matched.negatives.shape[1]
    ranks, matched = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    chunk = max(1, _CHUNK_PAIRS // (1 + width + others))
    for start in range(0, len(order), chunk):
        mine = order[start : start + chunk]
        asked = np.column_stack([exam.bags.positives[mine], exam.bags.negatives[mine], exam.matched.negatives[mine]])
        users = np.repeat(exam.bags.users[mine], asked.shape[1])
        scores = system.scores(users, asked.reshape(-1)).reshape(asked.shape)
        require_finite(scores, system.name)
        ranks[mine] = ranks_of(scores[:, 0], scores[:, 1 : 1 + width])
        matched[mine] = ranks_of(scores[:, 0], scores[:, 1 + width :])
    return ranks, matched


def first_ten(system: System, exam: Examination, listed: np.ndarray) -> np.ndarray:
    """The ten best playlists that each listed user has not seen, int64 [n, 10]."""
    lists = np.zeros((len(listed), min(DEPTH, exam.relevant.n_columns)), np.int64)
    chunk = max(1, _CHUNK_CELLS // exam.relevant.n_columns)
    for start in range(0, len(listed), chunk):
        users = listed[start : start + chunk]
        scores = np.require(system.rows(users), np.float32, ("C", "W"))
        if not _all_finite(scores):
            require_finite(scores, system.name)
        for place, user in enumerate(users):
            scores[place, exam.seen.row(user)] = -np.inf
        lists[start : start + len(users)] = best(scores, DEPTH)
    return lists


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k highest scores of each row, best first; equal ones in column order."""
    return _best(np.ascontiguousarray(scores, np.float32), min(k, scores.shape[1]))


@njit(parallel=True, nogil=True, cache=True)
def _best(scores, k):
    """A score is compared with the worst that is kept, which few exceed: one pass, and no order of the others."""
    found = np.zeros((len(scores), k), np.int64)
    for row in prange(len(scores)):
        kept, columns = np.empty(k, np.float32), found[row]
        n = 0
        for column in range(scores.shape[1]):
            value = scores[row, column]
            if n == k and not value > kept[k - 1]:
                continue
            place = n if n < k else k - 1
            while place > 0 and kept[place - 1] < value:
                kept[place], columns[place] = kept[place - 1], columns[place - 1]
                place -= 1
            kept[place], columns[place] = value, column
            n = min(n + 1, k)
    return found


@njit(parallel=True, nogil=True, cache=True)
def _all_finite(scores):
    """Whether a matrix holds no NaN and no infinity; unlike `np.isfinite(...).all()` it makes no matrix of its own."""
    broken = 0
    for row in prange(len(scores)):
        for column in range(scores.shape[1]):
            broken += not np.isfinite(scores[row, column])
    return broken == 0


def list_metrics(lists: np.ndarray, exam: Examination, listed: np.ndarray) -> dict[str, float]:
    """NDCG with its interval, recall, coverage and novelty of each listed user's list, int [n, k]."""
    discount = 1.0 / np.log2(np.arange(2, lists.shape[1] + 2))
    ideal = np.cumsum(discount)
    gains, recalls = np.zeros(len(listed)), np.zeros(len(listed))
    for place, (user, shown) in enumerate(zip(listed, lists, strict=True)):
        liked = exam.relevant.row(user)
        hit = np.isin(shown, liked)
        gains[place] = (hit * discount).sum() / ideal[min(len(liked), len(discount)) - 1]
        recalls[place] = hit.sum() / len(liked)
    n_users = exam.relevant.n_rows
    share = (exam.popularity[lists] + 1) / (n_users + 1)
    # Users are independent and one list is one user's, so the normal interval of a mean holds.
    margin = 1.96 * float(gains.std()) / np.sqrt(len(gains))
    return {
        "all_ndcg_10": float(gains.mean()),
        "all_ndcg_10_low": float(gains.mean() - margin),
        "all_ndcg_10_high": float(gains.mean() + margin),
        "all_recall_10": float(recalls.mean()),
        "coverage": len(np.unique(lists)) / exam.relevant.n_columns,
        "novelty": float(-np.log2(share).mean()),
    }


def _difference(likes: Library, relevant: Library, users: np.ndarray) -> Library:
    rows, columns = [], []
    for user in users:
        kept = np.setdiff1d(likes.row(user), relevant.row(user), assume_unique=True)
        rows.append(np.full(len(kept), user))
        columns.append(kept)
    return Library.from_pairs(np.concatenate(rows), np.concatenate(columns), likes.n_rows, likes.n_columns)

"""The quality table: each system against the same bags, the same matched bags, and the whole catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from buddies_assets.algorithms.libraries import Library
from buddies_assets.algorithms.metrics import DEPTH, ranks_of, require_finite
from buddies_assets.training.data import Bags
from buddies_assets.training.evaluation import bag_metrics, intervals
from buddies_assets.training.matched import matched_bags
from buddies_assets.training.systems import System

_CHUNK_CELLS = 1 << 25


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
    if len(users) > most_users:
        users = users[np.linspace(0, len(users) - 1, most_users).astype(np.int64)]
    judged = np.isin(bags.users, users)
    bags = Bags(bags.users[judged], bags.positives[judged], bags.negatives[judged])
    relevant = Library.from_pairs(bags.users, bags.positives, train.n_rows, train.n_columns)
    seen = _difference(likes, relevant, users)
    return Examination(split, bags, matched_bags(bags, likes, popularity, seed=seed), relevant, seen, popularity, users)


def quality_table(systems: Iterable[System], exams: Iterable[Examination], *, seed: int) -> list[dict[str, object]]:
    """One row a (system, split).

    Columns: system, split, users, bags; mrr, hit_1, hit_5, hit_10, ndcg_10 of the bags and matched_mrr of the matched
    ones, each with `_low` and `_high` (95 %, bootstrap over users); all_ndcg_10 and all_recall_10 over the whole
    catalogue less what was seen; coverage, the share of the catalogue in anybody's first ten; novelty, the mean of
    −log2 of the share of users who like what is in them.
    """
    exams = list(exams)
    return [judge(system, exam, seed=seed) for system in systems for exam in exams]


def judge(system: System, exam: Examination, *, seed: int) -> dict[str, object]:
    """One row of the quality table.

    Raises:
        NonFiniteScoresError: The system gives a score that cannot be ranked.
    """
    ranks, matched = np.zeros(len(exam.bags), np.int64), np.zeros(len(exam.bags), np.int64)
    first_ten = np.zeros((len(exam.users), DEPTH), np.int64)
    order = np.argsort(exam.bags.users, kind="stable")
    bounds = np.searchsorted(exam.bags.users[order], exam.users)
    bounds = np.append(bounds, len(order))
    chunk = max(1, _CHUNK_CELLS // exam.relevant.n_columns)
    for start in range(0, len(exam.users), chunk):
        users = exam.users[start : start + chunk]
        scores = np.array(system.rows(users), np.float32)
        require_finite(scores, system.name)
        mine = order[bounds[start] : bounds[start + len(users)]]
        row = np.searchsorted(users, exam.bags.users[mine])
        positive = scores[row, exam.bags.positives[mine]]
        ranks[mine] = ranks_of(positive, scores[row[:, None], exam.bags.negatives[mine]])
        matched[mine] = ranks_of(positive, scores[row[:, None], exam.matched.negatives[mine]])
        for place, user in enumerate(users):
            scores[place, exam.seen.row(user)] = -np.inf
        first_ten[start : start + len(users)] = best(scores, DEPTH)
    metrics: dict[str, object] = {"system": system.name, "split": exam.split, "users": len(exam.users)}
    metrics |= {"bags": len(ranks), **bag_metrics(ranks)}
    metrics["matched_mrr"] = bag_metrics(matched)["mrr"]
    spread = intervals(ranks, exam.bags.users, seed=seed)
    spread["matched_mrr"] = intervals(matched, exam.bags.users, seed=seed)["mrr"]
    metrics |= {f"{name}_low": low for name, (low, _) in spread.items()}
    metrics |= {f"{name}_high": high for name, (_, high) in spread.items()}
    return metrics | list_metrics(first_ten, exam)


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k highest scores of each row, best first; equal ones in column order among those chosen."""
    k = min(k, scores.shape[1])
    chosen = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(scores, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def list_metrics(lists: np.ndarray, exam: Examination) -> dict[str, float]:
    """NDCG, recall, coverage and novelty of each judged user's list, int [n, k]."""
    discount = 1.0 / np.log2(np.arange(2, lists.shape[1] + 2))
    ideal = np.cumsum(discount)
    gains, recalls = [], []
    for user, shown in zip(exam.users, lists, strict=True):
        liked = exam.relevant.row(user)
        hit = np.isin(shown, liked)
        gains.append((hit * discount).sum() / ideal[min(len(liked), len(discount)) - 1])
        recalls.append(hit.sum() / len(liked))
    n_users = exam.relevant.n_rows
    share = (exam.popularity[lists] + 1) / (n_users + 1)
    return {
        "all_ndcg_10": float(np.mean(gains)),
        "all_recall_10": float(np.mean(recalls)),
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

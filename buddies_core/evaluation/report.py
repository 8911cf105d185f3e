"""The quality table: each system against the same cases, the same matched cases, and the whole catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from buddies_core.evaluation.metrics import DEPTH, ranks_of, require_finite, tied
from buddies_core.evaluation.popularity_matched import matched_cases
from buddies_core.evaluation.ranks import case_metrics, intervals
from buddies_core.evaluation.twins import twins
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TIE, hash_member, stream_key
from buddies_core.recommenders.baselines import System
from buddies_core.recommenders.bpr.data import EvaluationCases

_CHUNK_CELLS, _CHUNK_PAIRS = 1 << 25, 1 << 21
_LISTED_CELLS, _FEWEST_LISTED = 500_000_000, 500
"""Scores of whole rows that a system and split may cost: 5,000 users of 100,000 playlists, 500 of a million."""


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """What all systems are asked. Rows of the libraries are users.

    `cases` and `matched` hold the same positives, of which `twins` have the songs of a train like of the user.
    `relevant` are the likes of the split judged, `seen` those of the other splits, which no list may repeat.
    `popularity` are the likers in train. `users` are the users judged. `keys` and `pids` are what draws know all users
    and playlists by.
    """

    split: str
    cases: EvaluationCases
    matched: EvaluationCases
    relevant: Library
    seen: Library
    popularity: np.ndarray
    users: np.ndarray
    twins: np.ndarray
    keys: np.ndarray
    pids: np.ndarray


def evaluation_protocol(
    split: str,
    cases: EvaluationCases,
    *,
    likes: Library,
    train: Library,
    popularity: np.ndarray,
    playlist_songs: Library,
    keys: np.ndarray,
    pids: np.ndarray,
    seed: int,
    most_users: int = 5_000,
) -> EvaluationProtocol:
    """The protocol of a split, on at most `most_users` of its users: those of the lowest keys, a uniform sample.

    Args:
        cases: the split's cases; their positives are what is relevant.
        likes: every split's likes, and whatever else no list may hold, such as what the user owns.
        train: likes in train, the only ones a system knows; the rest of `likes` is kept out of lists as well.
        playlist_songs: shared songs of each playlist, by which twins are known.
        keys, pids: what draws know all users and playlists by.
    """
    users = lowest_keys(np.unique(cases.users), keys, most_users)
    judged = np.isin(cases.users, users)
    cases = EvaluationCases(cases.users[judged], cases.positives[judged], cases.negatives[judged])
    relevant = Library.from_pairs(cases.users, cases.positives, train.n_rows, train.n_columns)
    seen = _difference(likes, relevant, users)
    matched = matched_cases(cases, likes, popularity, keys=keys, pids=pids, seed=seed)
    same = twins(cases.users, cases.positives, train, playlist_songs)
    return EvaluationProtocol(split, cases, matched, relevant, seen, popularity, users, same, keys, pids)


def lowest_keys(users: np.ndarray, keys: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of the users, ascending: those of the lowest keys, so that few change when others come.

    `keys` are those of all users.
    """
    return np.sort(users[np.argsort(keys[users], kind="stable")[:most]])


def quality_table(
    systems: Iterable[System], protocols: Iterable[EvaluationProtocol], *, seed: int
) -> list[dict[str, object]]:
    """One row a (system, split).

    Columns: system, split, users, cases; mrr, hit_1, hit_5, hit_10, ndcg_10 of the cases and matched_mrr of the matched
    ones, each with `_low` and `_high` (95 %, bootstrap over users); ties, the share of cases in which a negative scores
    as much as the positive; twins, the share of positives with the songs of a train like of the user, and the MRR of
    those (twin_mrr) and of the others (other_mrr), null where there are none. Over the whole catalogue less what was
    seen, for `listed_users` of the users: all_ndcg_10 (with `_low` and `_high`) and all_recall_10; coverage, the share
    of the catalogue in anybody's first ten; novelty, the mean of −log2 of the share of users who like what is in them.
    """
    protocols = list(protocols)
    return [judge(system, protocol, seed=seed) for system in systems for protocol in protocols]


def judge(system: System, protocol: EvaluationProtocol, *, seed: int) -> dict[str, object]:
    """One row of the quality table.

    Raises:
        NonFiniteScoresError: The system gives a score that cannot be ranked.
    """
    ranks, matched, ties = _ranks(system, protocol)
    metrics: dict[str, object] = {"system": system.name, "split": protocol.split, "users": len(protocol.users)}
    metrics |= {"cases": len(ranks), **case_metrics(ranks)}
    metrics["matched_mrr"] = case_metrics(matched)["mrr"]
    metrics |= {"ties": float(ties.mean()) if len(ties) else None}
    metrics |= {"twins": float(protocol.twins.mean()) if len(ranks) else None}
    for name, chosen in (("twin_mrr", protocol.twins), ("other_mrr", ~protocol.twins)):
        metrics[name] = case_metrics(ranks[chosen])["mrr"] if chosen.any() else None
    spread = intervals(ranks, protocol.cases.users, seed=seed)
    spread["matched_mrr"] = intervals(matched, protocol.cases.users, seed=seed)["mrr"]
    metrics |= {f"{name}_low": low for name, (low, _) in spread.items()}
    metrics |= {f"{name}_high": high for name, (_, high) in spread.items()}
    most = max(_FEWEST_LISTED, _LISTED_CELLS // protocol.relevant.n_columns)
    listed = lowest_keys(protocol.users, protocol.keys, most)
    return metrics | {"listed_users": len(listed)} | list_metrics(first_ten(system, protocol, listed), protocol, listed)


def _ranks(system: System, protocol: EvaluationProtocol) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks among the cases' negatives and among the matched ones, float64 [n] each, and which of the first are ties.

    No whole row is looked at.
    """
    order = np.argsort(protocol.cases.users, kind="stable")
    width, others = protocol.cases.negatives.shape[1], protocol.matched.negatives.shape[1]
    ranks, matched, ties = np.zeros(len(order)), np.zeros(len(order)), np.zeros(len(order), bool)
    chunk = max(1, _CHUNK_PAIRS // (1 + width + others))
    for start in range(0, len(order), chunk):
        mine = order[start : start + chunk]
        asked = np.column_stack(
            [protocol.cases.positives[mine], protocol.cases.negatives[mine], protocol.matched.negatives[mine]]
        )
        users = np.repeat(protocol.cases.users[mine], asked.shape[1])
        scores = system.scores(users, asked.reshape(-1)).reshape(asked.shape)
        require_finite(scores, system.name)
        ranks[mine] = ranks_of(scores[:, 0], scores[:, 1 : 1 + width])
        ties[mine] = tied(scores[:, 0], scores[:, 1 : 1 + width])
        matched[mine] = ranks_of(scores[:, 0], scores[:, 1 + width :])
    return ranks, matched, ties


def first_ten(system: System, protocol: EvaluationProtocol, listed: np.ndarray) -> np.ndarray:
    """The ten best playlists that each listed user has not seen, int64 [n, 10]."""
    lists = np.zeros((len(listed), min(DEPTH, protocol.relevant.n_columns)), np.int64)
    chunk = max(1, _CHUNK_CELLS // protocol.relevant.n_columns)
    for start in range(0, len(listed), chunk):
        users = listed[start : start + chunk]
        scores = np.require(system.rows(users), np.float32, ("C", "W"))
        if not _all_finite(scores):
            require_finite(scores, system.name)
        for place, user in enumerate(users):
            scores[place, protocol.seen.row(user)] = -np.inf
        lists[start : start + len(users)] = best(scores, DEPTH, protocol.keys[users], protocol.pids)
    return lists


def best(scores: np.ndarray, k: int, keys: np.ndarray, pids: np.ndarray) -> np.ndarray:
    """Columns of the k highest scores of each row, best first; between equal ones decides a lot of (row, column).

    Args:
        keys, pids: what draws know the rows (users) and the columns (playlists) by.
    """
    return _best(
        np.ascontiguousarray(scores, np.float32),
        min(k, scores.shape[1]),
        np.asarray(keys, np.uint64),
        np.asarray(pids, np.uint64),
    )


@njit(parallel=True, nogil=True, cache=True)
def _best(scores, k, keys, pids):
    """A score is compared with the worst that is kept, which few reach: one pass, and no order of the others."""
    found = np.zeros((len(scores), k), np.int64)
    for row in prange(len(scores)):
        kept, lots, columns = np.empty(k, np.float32), np.empty(k, np.uint64), found[row]
        key = stream_key(np.uint64(0), np.uint64(TIE), keys[row])
        n = 0
        for column in range(scores.shape[1]):
            value = scores[row, column]
            if n == k and not value >= kept[k - 1]:
                continue
            lot = hash_member(key, pids[column])
            if n == k and value == kept[k - 1] and lot >= lots[k - 1]:
                continue
            place = n if n < k else k - 1
            while place > 0 and (kept[place - 1] < value or (kept[place - 1] == value and lots[place - 1] > lot)):
                kept[place], lots[place], columns[place] = kept[place - 1], lots[place - 1], columns[place - 1]
                place -= 1
            kept[place], lots[place], columns[place] = value, lot, column
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


def list_metrics(lists: np.ndarray, protocol: EvaluationProtocol, listed: np.ndarray) -> dict[str, float]:
    """NDCG with its interval, recall, coverage and novelty of each listed user's list, int [n, k]."""
    discount = 1.0 / np.log2(np.arange(2, lists.shape[1] + 2))
    ideal = np.cumsum(discount)
    gains, recalls = np.zeros(len(listed)), np.zeros(len(listed))
    for place, (user, shown) in enumerate(zip(listed, lists, strict=True)):
        liked = protocol.relevant.row(user)
        hit = np.isin(shown, liked)
        gains[place] = (hit * discount).sum() / ideal[min(len(liked), len(discount)) - 1]
        recalls[place] = hit.sum() / len(liked)
    n_users = protocol.relevant.n_rows
    share = (protocol.popularity[lists] + 1) / (n_users + 1)
    # Users are independent and one list is one user's, so the normal interval of a mean holds.
    margin = 1.96 * float(gains.std()) / np.sqrt(len(gains))
    return {
        "all_ndcg_10": float(gains.mean()),
        "all_ndcg_10_low": float(gains.mean() - margin),
        "all_ndcg_10_high": float(gains.mean() + margin),
        "all_recall_10": float(recalls.mean()),
        "coverage": len(np.unique(lists)) / protocol.relevant.n_columns,
        "novelty": float(-np.log2(share).mean()),
    }


def _difference(likes: Library, relevant: Library, users: np.ndarray) -> Library:
    rows, columns = [], []
    for user in users:
        kept = np.setdiff1d(likes.row(user), relevant.row(user), assume_unique=True)
        rows.append(np.full(len(kept), user))
        columns.append(kept)
    return Library.from_pairs(np.concatenate(rows), np.concatenate(columns), likes.n_rows, likes.n_columns)

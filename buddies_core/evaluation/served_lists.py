"""Quality of what is really offered: each user's candidates in the model's order, against the likes held out."""

import numpy as np

from buddies_core.evaluation.metrics import HITS, require_finite
from buddies_core.evaluation.similarity import mean_similarity
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.randomness import TIE, hash_pairs
from buddies_core.recommenders.baselines import System
from buddies_core.recommenders.fold_in import select

SHOWN = 5


def served_metrics(
    system: System,
    candidates: Library,
    relevant: Library,
    *,
    known: Library,
    playlist_songs: Library,
    keys: np.ndarray,
    pids: np.ndarray,
) -> dict[str, float]:
    """Metrics over the users with held-out likes.

    `reach`: share of those users whose candidates hold one at all, and `recall`: mean share of a user's that they hold
    (recall@75 of 75 candidates); ranking changes neither. Over the users reached: `mrr` of the first held-out like,
    `hit_1/5/10`, `ndcg_10`. `precision_5`: share of the five shown that are held-out likes, over all users with
    candidates. `coverage`: share of the catalogue shown to anybody. `similarity`: mean cosine of those shown and what
    the user owns or likes in train (`known`), by their shared songs. Between equal scores decides a lot of user and
    playlist (`keys`, `pids`: what draws know all of them by).

    Raises:
        NonFiniteScoresError: The system gives a score that cannot be ranked.
    """
    asked = np.flatnonzero(relevant.lengths > 0)
    offers = candidates.lengths[asked]
    reached = select(candidates, asked)
    scores = system.scores(np.repeat(asked.astype(np.uint32), offers), reached.indices)
    require_finite(scores, f"{system.name}, candidates")
    ranks, gains, precise, shown = [], [], [], []
    recalled = 0.0
    discount = 1.0 / np.log2(np.arange(2, 12))
    with_offers = np.flatnonzero(offers)
    for place in with_offers:
        values = scores[reached.indptr[place] : reached.indptr[place + 1]]
        offered = reached.row(int(place))
        lots = hash_pairs(0, TIE, keys[asked[place]], pids[offered])
        ordered = offered[np.lexsort((lots, -values))]
        hit = np.isin(ordered, relevant.row(int(asked[place])))
        shown.append(ordered[:SHOWN])
        precise.append(hit[:SHOWN].mean())
        recalled += hit.sum() / relevant.lengths[asked[place]]
        if hit.any():
            ranks.append(int(hit.argmax()) + 1)
            ideal = discount[: min(10, int(hit.sum()))].sum()
            gains.append((hit[:10] * discount[: len(hit)]).sum() / ideal)
    first = np.array(ranks, np.float64)
    none = float("nan")
    return {
        "reach": len(ranks) / len(asked) if len(asked) else none,
        "recall": recalled / len(asked) if len(asked) else none,
        "mrr": float((1 / first).mean()) if len(ranks) else none,
        **{f"hit_{k}": float((first <= k).mean()) if len(ranks) else none for k in HITS},
        "ndcg_10": float(np.mean(gains)) if gains else none,
        "precision_5": float(np.mean(precise)) if precise else none,
        "coverage": len(np.unique(np.concatenate(shown))) / candidates.n_columns if shown else 0.0,
        "similarity": mean_similarity(asked[with_offers], _library(shown, candidates), known, playlist_songs),
    }


def shown_precision(lists: Ragged, users: np.ndarray, relevant: Library) -> float:
    """Precision at 5 of lists as they are shown, mean over users with held-out likes; places that are missing miss.

    Args:
        lists: playlists of each of `users`, best first.
        relevant: held-out likes of all users; those of `users` without any are not counted.
    """
    judged, hits = 0, 0
    for place, user in enumerate(users):
        liked = relevant.row(int(user))
        if len(liked):
            shown = lists.values[lists.offsets[place] : lists.offsets[place + 1]][:SHOWN]
            judged, hits = judged + 1, hits + int(np.isin(shown, liked).sum())
    return hits / (SHOWN * judged) if judged else float("nan")


def _library(lists: list[np.ndarray], like: Library) -> Library:
    """Lists as rows of a matrix, in the order of each."""
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(row) for row in lists], dtype=np.int64)])
    return Library(indptr, np.concatenate([np.zeros(0, np.uint32), *lists]).astype(np.uint32), like.n_columns)

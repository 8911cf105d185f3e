"""Cold users: how well a model ranks for somebody it was never trained on, by how many of their songs are known."""

from collections.abc import Sequence

import numpy as np

from buddies_core.evaluation.ranks import bag_metrics, bag_ranks, intervals, most_liked_scorer, scorer_ranks
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.bpr.data import Bags
from buddies_core.recommenders.factors import Factors
from buddies_core.recommenders.fold_in import FoldIn, first_known, only, select

KNOWN: tuple[int | None, ...] = (1, 3, 10, None)
"""Numbers of known songs to evaluate; None is the whole library."""


def cold_user_table(
    fold_in: FoldIn,
    factors: Factors,
    user_songs: Library,
    bags: Bags,
    popularity: np.ndarray,
    *,
    known: Sequence[int | None] = KNOWN,
    keys: np.ndarray,
    seed: int,
) -> list[dict[str, object]]:
    """One row a number of known songs, after one for the most-liked list, which needs none.

    Columns: system, known_songs (null: all), users, bags, and mrr, hit_1, hit_5, hit_10, ndcg_10 with `_low` and
    `_high` (95 %, bootstrap over users).

    Args:
        user_songs: libraries of all users; only those of the bags' users are read.
        bags: bags of cold users.
        popularity: likers of each playlist in train, for the most-liked list.
        keys: what draws know all users by, uint64.
    """
    users, place = np.unique(bags.users, return_inverse=True)
    own = Bags(place.astype(np.uint32), bags.positives, bags.negatives)
    judged = only(user_songs, users)
    catalogue = fold_in.catalogue(factors.playlists)
    rows = [_row("most liked", None, scorer_ranks(most_liked_scorer(popularity), bags), own, seed)]
    for songs in known:
        shown = judged if songs is None else first_known(judged, songs, keys=keys, seed=seed)
        folded = Factors(fold_in.users(select(shown, users)), catalogue)
        rows.append(_row("fold-in", songs, bag_ranks(folded, own), own, seed))
    return rows


def _row(system: str, known: int | None, ranks: np.ndarray, bags: Bags, seed: int) -> dict[str, object]:
    spread = intervals(ranks, bags.users, seed=seed)
    row: dict[str, object] = {"system": system, "known_songs": known}
    row |= {"users": len(np.unique(bags.users)), "bags": len(bags), **bag_metrics(ranks)}
    row |= {f"{name}_low": low for name, (low, _) in spread.items()}
    return row | {f"{name}_high": high for name, (_, high) in spread.items()}

"""What lists are beside right: how much of the catalogue they reach, how well known, how alike, how surprising."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from buddies_core.interactions.labelled_plays import LabelledPlays


def beyond_accuracy(
    lists: Mapping[str, Sequence[str]],
    train: LabelledPlays,
    held_out: Mapping[str, Mapping[str, float]],
    popular: Sequence[str],
    *,
    k: int = 10,
) -> dict[str, float]:
    """Figures of the first k of each list.

    - `coverage`: share of the catalogue that is in anybody's list;
    - `unseen`: share of recommended pairs that are not in train, which must be 1;
    - `novelty`: mean of -log2 of the share of listeners who have the item (at least one counts);
    - `diversity`: mean over lists of 1 less the mean cosine of their pairs, by listeners;
    - `serendipity`: hits that popularity would not have made, over all that is recommended.

    Args:
        popular: the most popular items, k of which everybody would get instead.
    """
    columns = train.matrix.T.tocsr()
    holders = np.maximum(np.diff(columns.indptr), 1)
    obvious = set(popular[:k])
    seen = _pairs(train)
    shown = [(user, item) for user, items in lists.items() for item in list(items)[:k]]
    places = np.array([train.item_place[item] for _, item in shown])
    hits = sum(item in held_out.get(user, {}) and item not in obvious for user, item in shown)
    alike = [_likeness(columns, [train.item_place[item] for item in list(items)[:k]]) for items in lists.values()]
    return {
        "coverage": len(set(places.tolist())) / len(train.items),
        "unseen": float(np.mean([pair not in seen for pair in shown])),
        "novelty": float(-np.log2(holders[places] / len(train.users)).mean()),
        "diversity": float(1 - np.mean(alike)),
        "serendipity": hits / len(shown),
    }


def _pairs(train: LabelledPlays) -> set[tuple[str, str]]:
    rows = np.repeat(np.arange(len(train.users)), np.diff(train.matrix.indptr))
    return {(train.users[row], train.items[item]) for row, item in zip(rows, train.matrix.indices, strict=True)}


def _likeness(columns: csr_array, places: list[int]) -> float:
    if len(places) < 2:
        return 0.0
    mine = columns[places].astype(bool).astype(np.float64)
    lengths = np.sqrt(np.maximum(np.diff(mine.indptr), 1))
    cosines = (mine @ mine.T).toarray() / np.outer(lengths, lengths)
    return float((cosines.sum() - np.trace(cosines)) / (len(places) * (len(places) - 1)))

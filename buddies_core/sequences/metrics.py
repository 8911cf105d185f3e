"""How good an answer is: hits and reciprocal ranks of a next track, precision, NDCG and clicks of a continuation.

A right song that the vocabulary does not hold stays in every denominator: what cannot be answered is a miss.
"""

import numpy as np

from buddies_core.kernels.randomness import SHUFFLE, hash_pairs

NEXT_TRACK = ("hit@10", "hit@100", "mrr@100")
CONTINUATION = ("r_precision", "r_precision_official", "ndcg@500", "clicks", "recall@500")
ANSWERS = 500
NO_CLICK = 51
"""Clicks of a list in which nothing is right: one more than there are pages of ten."""


def rank_of(songs: np.ndarray, scores: np.ndarray, right: int) -> int | None:
    """Rank of the right song, from 1; songs of an equal score stand before it. None: it is not among the answers."""
    place = np.searchsorted(songs, right)
    if place == len(songs) or songs[place] != right:
        return None
    return int((scores >= scores[place]).sum())


def next_track_metrics(rank: int | None) -> tuple[float, float, float]:
    """Hit within 10, hit within 100, reciprocal rank within 100."""
    if rank is None or rank > 100:
        return 0.0, 0.0, 0.0
    return float(rank <= 10), 1.0, 1.0 / rank


def continuation_metrics(
    answers: np.ndarray, right: np.ndarray, answer_artists: np.ndarray, right_artists: np.ndarray
) -> tuple[float, float, float, float, float]:
    """R-precision of songs, the challenge's with a quarter for an artist, NDCG, clicks and recall of 500 answers.

    Args:
        answers: distinct songs, best first, at most 500.
        right: distinct songs.
        answer_artists, right_artists: the artist of each.
    """
    hits = np.isin(answers, right)
    first = hits[: len(right)]
    artists = np.unique(answer_artists[: len(right)][~first])
    missed = np.setdiff1d(right_artists, answer_artists[: len(right)][first])
    precision = first.sum() / len(right)
    official = precision + 0.25 * np.isin(artists, missed).sum() / len(right)
    discount = 1 / np.log2(np.arange(2, ANSWERS + 2))
    ndcg = (hits * discount[: len(hits)]).sum() / discount[: min(len(right), ANSWERS)].sum()
    clicks = hits.argmax() // 10 if hits.any() else NO_CLICK
    return float(precision), float(official), float(ndcg), float(clicks), float(hits.sum() / len(right))


def interval(values: np.ndarray, groups: np.ndarray, *, seed: int = 0, draws: int = 1_000) -> tuple[float, float]:
    """95 % interval of a mean, by a bootstrap over groups (playlists), each drawn whole."""
    _, group = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(group, weights=values), np.bincount(group)
    drawn = hash_pairs(seed, SHUFFLE, np.arange(draws)[:, None], np.arange(len(sums))) % np.uint64(len(sums))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)

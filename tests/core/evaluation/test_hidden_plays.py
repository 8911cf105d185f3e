"""Playlists judged by hidden plays: by hand, and as an independent count of sets says."""

import numpy as np
import pytest

from buddies_core.evaluation.hidden_plays import METRICS, ListenerMetrics, intervals, judged_users, listener_metrics
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged


def library(rows: list[list[int]], n_columns: int) -> Library:
    row = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return Library.from_pairs(row, np.array([c for r in rows for c in r], int), len(rows), n_columns)


VISIBLE = library([[0, 1, 2]], 9)
HIDDEN = library([[3, 4, 2]], 9)  # song 2 is visible too: neither new nor a hit


def judge(playlists: list[list[int]], shown: list[int]) -> ListenerMetrics:
    lists = Ragged(np.array([0, len(shown)]), np.array(shown, np.uint32))
    return listener_metrics(np.array([0]), lists, library(playlists, 9), VISIBLE, HIDDEN)


def test_the_shares_of_hidden_songs_among_new_ones_by_hand():
    # New 3, 5: one of two hidden. New 3, 4: both. New none: 0. Two missing: 0. Mean (0.5 + 1 + 0) / 5.
    found = judge([[0, 3, 5], [3, 4], [1, 2]], [0, 1, 2])
    assert found.precision.tolist() == [pytest.approx(0.3)]
    assert found.hits.tolist() == [2.0]  # song 3 twice counts once
    assert found.any.tolist() == [1.0]
    assert found.common.tolist() == [pytest.approx(2 / 5)]
    assert found.shorter.tolist() == [1.0]


def test_only_the_first_five_count():
    found = judge([[5], [6], [7], [8], [5, 6], [3, 4]], [0, 1, 2, 3, 4, 5])
    assert found.precision.tolist() == [0.0]
    assert found.shorter.tolist() == [0.0]


def test_listeners_are_judged_with_three_visible_and_two_hidden_songs_that_are_not_visible():
    visible = library([[0, 1, 2], [0, 1], [0, 1, 2], [0, 1, 2]], 9)
    hidden = library([[3, 4], [3, 4], [3], [2, 3]], 9)
    assert judged_users(visible, hidden).tolist() == [0]


def test_it_agrees_with_sets_on_random_worlds():
    generator = np.random.default_rng(3)

    def some(rows: int, share: float) -> list[list[int]]:
        return [np.flatnonzero(generator.random(60) < share).tolist() for _ in range(rows)]

    seen, unseen, held = some(40, 0.2), some(40, 0.2), some(30, 0.1)
    shown = [generator.permutation(30)[: generator.integers(0, 8)].tolist() for _ in range(40)]
    lists = Ragged(np.cumsum([0, *map(len, shown)]), np.array([p for s in shown for p in s], np.uint32))
    found = listener_metrics(np.arange(40), lists, library(held, 60), library(seen, 60), library(unseen, 60))
    for user in range(40):
        visible, hidden = set(seen[user]), set(unseen[user]) - set(seen[user])
        new = [set(held[p]) - visible for p in shown[user][:5]]
        assert found.precision[user] == pytest.approx(sum(len(n & hidden) / len(n) for n in new if n) / 5)
        assert found.hits[user] == len(set().union(*new) & hidden)


def test_intervals_hold_the_mean_and_are_those_of_one_large_draw():
    values = np.random.default_rng(1).random(50)
    found = intervals(ListenerMetrics(*([values] * len(METRICS))))
    generator = np.random.default_rng(0)
    means = generator.multinomial(50, np.full(50, 1 / 50), 2000) / 50 @ values
    mean, low, high = found["precision"]
    assert mean == values.mean()
    assert (low, high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=1e-12)
    assert low < mean < high

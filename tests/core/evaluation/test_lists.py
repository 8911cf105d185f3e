"""Metrics of lists: by hand, and beside a plain reading of their definitions."""

import numpy as np
import pytest

from buddies_core.evaluation.beyond_accuracy import beyond_accuracy
from buddies_core.evaluation.lists import evaluate, paired_difference
from buddies_core.interactions.labelled_plays import LabelledPlays

LISTS = {"a": ["x", "y", "z"], "b": ["x", "q", "p"]}
HELD = {"a": {"y": 5.0, "w": 1.0}, "b": {"q": 1.0}, "c": {"x": 2.0}, "d": {}}


def test_figures_of_three_users_one_without_a_list_worked_out_by_hand():
    figures = evaluate(LISTS, HELD, n_items=10, k=3).row()
    second = 1 / np.log2(3)
    assert figures["ndcg"] == pytest.approx((second / (1 + second) + second + 0) / 3)
    assert figures["map"] == pytest.approx((0.5 / 2 + 0.5 / 1 + 0) / 3)
    assert figures["precision"] == pytest.approx(2 / (2 + 1 + 1))
    assert figures["precision_k"] == pytest.approx(2 / 9)
    assert figures["recall"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert figures["mrr"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert figures["hit"] == pytest.approx(2 / 3)


def test_what_is_not_listed_counts_as_a_coin_toss_in_the_auc():
    assert evaluate({}, {"u": {"x": 1.0}}, n_items=10, k=3).figures["auc"].value == 0.5
    # One of one found at the second of three places: 1 of 9 pairs is lost before it.
    found = evaluate({"u": ["q", "x", "p"]}, {"u": {"x": 1.0}}, n_items=10, k=3).figures["auc"].value
    assert found == pytest.approx((1 + (1 + 1) / 2 * (9 - 2)) / 9)


def test_the_graded_gain_prefers_what_is_played_most():
    held = {"u": {"x": 9.0, "y": 3.0, "z": 1.0}}
    best = evaluate({"u": ["x", "y", "z"]}, held, n_items=9, k=3).figures
    worst = evaluate({"u": ["z", "y", "x"]}, held, n_items=9, k=3).figures
    assert best["graded_ndcg"].value == pytest.approx(1.0)
    assert worst["graded_ndcg"].value < 1.0
    assert best["ndcg"].value == worst["ndcg"].value == pytest.approx(1.0)
    gains = 1 / np.log2([2, 3, 4])
    assert worst["graded_ndcg"].value == pytest.approx((gains * [1, 3, 7]).sum() / (gains * [7, 3, 1]).sum())


def test_intervals_hold_the_value_and_two_equal_reports_do_not_differ():
    report = evaluate(LISTS, HELD, n_items=10, k=3)
    assert all(figure.low <= figure.value <= figure.high for figure in report.figures.values())
    assert all(figure.low == figure.high == 0 for figure in paired_difference(report, report).values())
    with pytest.raises(ValueError, match="different users"):
        paired_difference(report, evaluate(LISTS, {"a": {"x": 1.0}}, n_items=10, k=3))


def test_what_lists_are_beside_right_by_hand():
    import polars as pl

    rows = [("a", "p", 1.0), ("b", "p", 1.0), ("b", "x", 1.0), ("c", "q", 1.0)]
    train = LabelledPlays.of(pl.DataFrame(rows, ["user", "item", "weight"], orient="row"))
    figures = beyond_accuracy({"a": ["x", "q"], "c": ["p", "q"]}, train, {"a": {"x": 1.0}, "c": {"p": 1.0}}, ["p"], k=2)
    assert figures["coverage"] == 1.0
    assert figures["unseen"] == 3 / 4, "c has q already"
    assert figures["novelty"] == pytest.approx(-np.log2([1 / 3, 1 / 3, 2 / 3, 1 / 3]).mean())
    assert figures["serendipity"] == 1 / 4, "p is what popularity recommends"
    assert figures["diversity"] == 1.0

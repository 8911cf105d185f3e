"""Paired differences: worked out by hand, and narrower than two intervals."""

import numpy as np
import pytest

from buddies_core.evaluation.paired import paired_gain


def test_the_mean_is_that_of_the_differences_of_all_cases():
    gain = paired_gain(np.array([1.0, 0.5, 0.5]), np.array([0.5, 0.5, 0.25]), np.array([3, 3, 8]), seed=1)
    assert gain.mean == pytest.approx(0.25)
    assert gain.low <= gain.mean <= gain.high


def test_the_same_ranking_gains_nothing_for_sure():
    ranks = np.random.default_rng(0).random(500)
    gain = paired_gain(ranks, ranks, np.arange(500) // 5, seed=1)
    assert (gain.mean, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_an_equal_gain_everywhere_is_known_exactly_however_the_figures_spread():
    theirs = np.random.default_rng(0).random(2_000)
    gain = paired_gain(theirs + 0.01, theirs, np.arange(2_000) // 4, seed=1)
    assert gain.low == pytest.approx(0.01) == gain.high


def test_cases_of_one_user_are_no_more_than_one_user():
    differences = np.random.default_rng(0).normal(0.0, 1.0, 50).repeat(40)
    zero = np.zeros(len(differences))
    together = paired_gain(differences, zero, np.arange(50).repeat(40), seed=1)
    apart = paired_gain(differences, zero, np.arange(2_000), seed=1)
    assert together.high - together.low > 4 * (apart.high - apart.low)


def test_without_cases_there_is_no_gain():
    assert paired_gain(np.empty(0), np.empty(0), np.empty(0, int), seed=1).mean == 0.0

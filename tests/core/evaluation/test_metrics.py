"""Ranks and metrics, with ties counted at their expected rank."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import metrics as twin

from buddies_core.evaluation.metrics import (
    NonFiniteScoresError,
    ranks_of,
    summarise,
    tied,
)
from buddies_core.kernels.randomness import uniform


@settings(deadline=None, max_examples=60)
@given(generator=st.integers(0, 2**32).map(np.random.default_rng), n=st.integers(1, 40), k=st.integers(1, 60))
def test_ranks_and_metrics_are_those_of_the_twin(generator, n, k):
    positives, negatives = generator.integers(0, 9, n).astype(float), generator.integers(0, 9, (n, k)).astype(float)
    ranks = ranks_of(positives, negatives)
    assert ranks.tolist() == [twin.rank(p, row.tolist()) for p, row in zip(positives, negatives, strict=True)]
    found = dataclasses.asdict(summarise(ranks))
    assert found.pop("batches") == n
    assert found == pytest.approx(twin.metrics(ranks.tolist()))


def test_a_constant_scorer_is_in_the_middle_of_every_batch_and_all_of_it_is_ties():
    positives, negatives = np.ones(20), np.ones((20, 50))
    found = summarise(ranks_of(positives, negatives))
    assert found.mrr == pytest.approx(1 / 26) and found.hit_1 == found.hit_10 == 0.0
    assert tied(positives, negatives).all()


def test_ties_by_hand():
    positives, negatives = np.array([3.0, 3.0, 3.0]), np.array([[1.0, 3.0], [3.0, 3.0], [4.0, 1.0]])
    assert ranks_of(positives, negatives).tolist() == [1.5, 2.0, 2.0]
    assert tied(positives, negatives).tolist() == [True, True, False]


def test_a_random_scorer_hits_one_time_in_fifty_one():
    users, positives = np.arange(20_000), np.arange(20_000) % 977
    negatives = (np.arange(20_000)[:, None] * 7 + np.arange(50)) % 900 + 1_000
    scores = uniform(5, 1, users, positives), uniform(5, 1, users[:, None], negatives)
    found = summarise(ranks_of(*scores))
    assert found.hit_1 == pytest.approx(1 / 51, abs=0.004) and found.hit_10 == pytest.approx(10 / 51, abs=0.012)


def test_metrics_worked_out_by_hand():
    found = summarise(np.array([1, 2, 5, 11]))
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 5 + 1 / 11) / 4)
    assert (found.hit_1, found.hit_5, found.hit_10, found.recall_10) == (0.25, 0.75, 0.75, 0.75)
    assert found.ndcg_10 == pytest.approx((1 + 1 / np.log2(3) + 1 / np.log2(6)) / 4)


def test_without_batches_the_metrics_are_not_numbers():
    found = summarise(np.zeros(0))
    assert found.batches == 0 and np.isnan(found.mrr)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused(bad):
    scores = np.zeros((2, 3))
    scores[1, 2] = bad
    with pytest.raises(NonFiniteScoresError, match=r"1 of 6 are not finite, the first at \(1, 2\)"):
        ranks_of(np.zeros(2), scores)

"""Ranks, metrics, intervals, matched bags and lists."""

import numpy as np
import pytest

from buddies_core.evaluation.metrics import NonFiniteScoresError
from buddies_core.evaluation.popularity_matched import matched_bags
from buddies_core.evaluation.ranks import (
    bag_metrics,
    bag_ranks,
    evaluate,
    factor_scorer,
    intervals,
    most_liked_scorer,
    popularity,
    random_scorer,
    scorer_ranks,
)
from buddies_core.evaluation.report import best, examination, quality_table
from buddies_core.evaluation.served_lists import served_metrics
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.baselines import (
    System,
    factor_model,
    most_liked,
    neighbours_vote,
    random_order,
    song_overlap,
)
from buddies_core.recommenders.bpr.data import Bags
from buddies_core.recommenders.bpr.errors import NegativesError
from buddies_core.recommenders.factors import Factors, random_factors


def one_dimensional(values) -> Factors:
    """A model in which playlist p scores values[p] for everybody."""
    return Factors(np.ones((3, 1), np.float32), np.array(values, np.float32)[:, None])


def bags(positives, negatives) -> Bags:
    users = np.zeros(len(positives), np.uint32)
    return Bags(users, np.array(positives, np.uint32), np.array(negatives, np.uint32))


def test_ranks_by_hand_with_a_tie_counted_against_the_model():
    ranks = bag_ranks(one_dimensional([5, 4, 3, 3, 1]), bags([2, 0, 4], [[0, 1, 3], [1, 2, 3], [0, 1, 2]]))
    assert ranks.tolist() == [4, 1, 4]
    metrics = bag_metrics(ranks)
    assert metrics["mrr"] == pytest.approx((1 / 4 + 1 + 1 / 4) / 3)
    assert metrics["hit_1"] == pytest.approx(1 / 3)
    assert metrics["ndcg_10"] == pytest.approx((2 / np.log2(5) + 1) / 3)


def test_a_constant_model_gets_the_last_place():
    constant = Factors(np.ones((3, 4), np.float32), np.ones((60, 4), np.float32))
    metrics = evaluate(constant, bags([0], [np.arange(1, 51)]))
    assert metrics["hit_1"] == 0.0
    assert metrics["mrr"] == pytest.approx(1 / 51)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_model_that_diverged_is_not_ranked(broken):
    factors = one_dimensional([1, 2, 3])
    factors.playlists[1] = broken
    with pytest.raises(NonFiniteScoresError, match="bag 1"):
        bag_ranks(factors, bags([0, 0], [[2], [1]]))


def test_the_fast_way_agrees_with_the_plain_one(world):
    factors = random_factors(world.data.n_users, world.data.n_playlists, 24, scale=1.0, seed=2, item_bias=False)
    held = world.data.validation
    np.testing.assert_array_equal(bag_ranks(factors, held, threads=2), scorer_ranks(factor_scorer(factors), held))


def test_a_random_scorer_gets_what_chance_gives(world):
    chance = np.mean(1 / np.arange(1, 52))
    assert bag_metrics(scorer_ranks(random_scorer(3), world.data.validation))["mrr"] == pytest.approx(chance, abs=0.02)


def test_most_liked_prefers_the_lower_index_among_equals():
    score = most_liked_scorer(np.array([2, 7, 2, 0]))
    assert np.argsort(-score(np.zeros(1, int), np.arange(4)[None, :])[0]).tolist() == [1, 0, 2, 3]


def test_the_interval_of_a_metric_is_about_users_not_bags():
    # Two kinds of users, all bags of a user alike: the effective sample is 50 users, not 5,000 bags.
    users = np.repeat(np.arange(50), 100)
    ranks = np.where(users % 2 == 0, 1, 51)
    low, high = intervals(ranks, users, seed=1)["hit_1"]
    spread = 1.96 * np.sqrt(0.25 / 50)
    assert low == pytest.approx(0.5 - spread, abs=0.05)
    assert high == pytest.approx(0.5 + spread, abs=0.05)


def test_matched_negatives_are_as_popular_as_the_positive_and_never_liked(world):
    likers = popularity(world.train)
    held = world.data.validation
    matched = matched_bags(held, world.likes, likers, seed=1)
    place = np.argsort(np.lexsort((np.arange(len(likers)), -likers)))
    assert np.abs(place[matched.negatives] - place[matched.positives][:, None]).max() <= 200
    for user, positive, negatives in zip(matched.users, matched.positives, matched.negatives, strict=True):
        assert len(set(negatives.tolist())) == 50
        assert positive not in negatives
        assert not np.isin(negatives, world.likes.row(user)).any()


def test_matched_negatives_that_do_not_exist_are_an_error():
    likes = Library.from_pairs(np.zeros(4, int), np.arange(4), 1, 6)
    with pytest.raises(NegativesError, match="user 0: fewer than 3 of 6"):
        matched_bags(bags([0], [[4, 5, 4]]), likes, np.arange(6), seed=1)


def test_the_table_tells_knowledge_from_chance(world):
    likers = popularity(world.train)
    exam = examination(
        "validation", world.data.validation, likes=world.likes, train=world.train, popularity=likers, seed=1
    )
    n = world.data.n_playlists
    systems = [
        random_order(n, seed=1),
        most_liked(likers),
        neighbours_vote(world.user_songs, world.train),
        song_overlap(world.user_songs, world.playlist_songs),
    ]
    rows = {row["system"]: row for row in quality_table(systems, [exam], seed=1)}
    assert rows["random"]["mrr"] < rows["most liked"]["mrr"] < rows["song overlap"]["mrr"]
    assert rows["most liked"]["matched_mrr"] < 0.15 < rows["neighbours' vote"]["matched_mrr"]
    assert rows["song overlap"]["mrr"] > 0.9
    assert rows["most liked"]["coverage"] < 0.1 < rows["random"]["coverage"]
    assert rows["most liked"]["novelty"] < rows["random"]["novelty"]
    for row in rows.values():
        assert row["mrr_low"] <= row["mrr"] <= row["mrr_high"]
        assert 0 <= row["all_recall_10"] <= 1


def test_lists_leave_out_what_was_seen_and_count_by_hand():
    likes = Library.from_pairs(np.array([0, 0, 1]), np.array([0, 2, 3]), 2, 60)
    train = Library.from_pairs(np.array([0, 1]), np.array([0, 3]), 2, 60)
    scores = np.arange(60, 0, -1, dtype=np.float32)
    model = System("first come", lambda users: np.tile(scores, (len(users), 1)))
    held = bags([2], [np.arange(4, 54)])
    exam = examination("test", held, likes=likes, train=train, popularity=np.ones(60, int), seed=1)
    row = quality_table([model], [exam], seed=1)[0]
    # Playlist 0 was seen, so the list is 1, 2, ...: the held-out like stands second.
    assert row["all_ndcg_10"] == pytest.approx(1 / np.log2(3))
    assert row["all_recall_10"] == 1.0
    assert row["coverage"] == pytest.approx(10 / 60)
    assert row["novelty"] == pytest.approx(-np.log2(2 / 3))


def test_the_highest_scores_come_first_and_equal_ones_by_column():
    assert best(np.array([[3.0, 9.0, 9.0, 1.0]]), 3).tolist() == [[1, 2, 0]]


def test_what_is_served_is_measured_over_the_candidates_alone():
    candidates = Library.from_pairs(np.array([0, 0, 0, 1]), np.array([1, 2, 3, 4]), 3, 6)
    relevant = Library.from_pairs(np.array([0, 1, 2]), np.array([2, 5, 1]), 3, 6)
    found = served_metrics(factor_model("model", one_dimensional([9, 5, 4, 3, 2, 1])), candidates, relevant)
    # User 0 finds playlist 2 in second place, user 1's like is no candidate, user 2 has none.
    assert found["reach"] == pytest.approx(1 / 3)
    assert found["mrr"] == pytest.approx(1 / 2)
    assert found["precision_5"] == pytest.approx((1 / 3 + 0) / 2)
    assert found["coverage"] == pytest.approx(4 / 6)


def test_a_system_with_a_score_that_is_not_finite_is_named(world):
    likers = popularity(world.train)
    exam = examination("test", world.test_bags, likes=world.likes, train=world.train, popularity=likers, seed=1)
    broken = System("broken", lambda users: np.full((len(users), world.data.n_playlists), np.nan))
    with pytest.raises(NonFiniteScoresError, match="broken"):
        quality_table([broken], [exam], seed=1)

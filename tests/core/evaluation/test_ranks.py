"""Ranks, metrics, intervals, matched cases and lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.evaluation.metrics import NonFiniteScoresError
from buddies_core.evaluation.popularity_matched import matched_cases
from buddies_core.evaluation.ranks import (
    case_metrics,
    case_ranks,
    evaluate,
    factor_scorer,
    intervals,
    popularity,
    popularity_scorer,
    random_scorer,
    scorer_ranks,
)
from buddies_core.evaluation.report import best, evaluation_protocol, lowest_keys, quality_table
from buddies_core.evaluation.served_lists import served_metrics, shown_precision
from buddies_core.evaluation.similarity import mean_similarity
from buddies_core.evaluation.twins import twins
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.randomness import TIE, hash_pairs
from buddies_core.recommenders.baselines import (
    System,
    factor_model,
    neighbours_vote,
    popularity_baseline,
    random_order,
    song_overlap,
)
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.bpr.errors import NegativesError
from buddies_core.recommenders.factors import Factors, RowKeys, random_factors


def one_dimensional(values) -> Factors:
    """A model in which playlist p scores values[p] for everybody."""
    return Factors(np.ones((3, 1), np.float32), np.array(values, np.float32)[:, None])


def known(n_users: int, n_playlists: int) -> dict[str, np.ndarray]:
    """What draws know users and playlists by."""
    return {"keys": hash_pairs(9, 9, np.arange(n_users)), "pids": np.arange(n_playlists, dtype=np.uint32) * 3}


def asked(world) -> dict:
    """What a protocol is made of."""
    return {
        "likes": world.likes,
        "train": world.train,
        "popularity": popularity(world.train),
        "playlist_songs": world.playlist_songs,
        "seed": 1,
        **known(world.data.n_users, world.data.n_playlists),
    }


def cases(positives, negatives) -> EvaluationCases:
    users = np.zeros(len(positives), np.uint32)
    return EvaluationCases(users, np.array(positives, np.uint32), np.array(negatives, np.uint32))


def test_ranks_by_hand_with_a_tie_counted_at_its_expected_rank():
    ranks = case_ranks(one_dimensional([5, 4, 3, 3, 1]), cases([2, 0, 4], [[0, 1, 3], [1, 2, 3], [0, 1, 2]]))
    assert ranks.tolist() == [3.5, 1, 4]
    metrics = case_metrics(ranks)
    assert metrics["mrr"] == pytest.approx((1 / 3.5 + 1 + 1 / 4) / 3)
    assert metrics["hit_1"] == pytest.approx(1 / 3)
    assert metrics["ndcg_10"] == pytest.approx((1 / np.log2(4.5) + 1 / np.log2(5) + 1) / 3)


def test_a_constant_model_gets_the_middle_place():
    constant = Factors(np.ones((3, 4), np.float32), np.ones((60, 4), np.float32))
    metrics = evaluate(constant, cases([0], [np.arange(1, 51)]))
    assert metrics["hit_1"] == 0.0
    assert metrics["mrr"] == pytest.approx(1 / 26)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_model_that_diverged_is_not_ranked(broken):
    factors = one_dimensional([1, 2, 3])
    factors.playlists[1] = broken
    with pytest.raises(NonFiniteScoresError, match="case 1"):
        case_ranks(factors, cases([0, 0], [[2], [1]]))


def test_the_fast_way_agrees_with_the_plain_one(world):
    factors = random_factors(
        RowKeys.of_rows(world.data.n_users, world.data.n_playlists), 24, scale=1.0, seed=2, item_bias=False
    )
    held = world.data.validation
    np.testing.assert_array_equal(case_ranks(factors, held, threads=2), scorer_ranks(factor_scorer(factors), held))


def test_a_random_scorer_gets_what_chance_gives(world):
    chance = np.mean(1 / np.arange(1, 52))
    assert case_metrics(scorer_ranks(random_scorer(3), world.data.validation))["mrr"] == pytest.approx(chance, abs=0.02)


def test_the_same_rule_of_ties_holds_for_the_most_liked_list_and_for_factors():
    likers = np.array([2, 7, 2, 0])
    held = cases([0, 1], [[1, 2, 3], [0, 2, 3]])
    assert scorer_ranks(popularity_scorer(likers), held).tolist() == [2.5, 1]
    assert case_ranks(one_dimensional(likers.tolist()), held).tolist() == [2.5, 1]


def test_the_interval_of_a_metric_is_about_users_not_cases():
    # Two kinds of users, all cases of a user alike: the effective sample is 50 users, not 5,000 cases.
    users = np.repeat(np.arange(50), 100)
    ranks = np.where(users % 2 == 0, 1, 51)
    low, high = intervals(ranks, users, seed=1)["hit_1"]
    spread = 1.96 * np.sqrt(0.25 / 50)
    assert low == pytest.approx(0.5 - spread, abs=0.05)
    assert high == pytest.approx(0.5 + spread, abs=0.05)


def test_matched_negatives_are_as_popular_as_the_positive_and_never_liked(world):
    likers = popularity(world.train)
    held = world.data.validation
    matched = matched_cases(held, world.likes, likers, **known(world.data.n_users, world.data.n_playlists), seed=1)
    place = np.argsort(np.lexsort((np.arange(len(likers)), -likers)))
    assert np.abs(place[matched.negatives] - place[matched.positives][:, None]).max() <= 200
    for user, positive, negatives in zip(matched.users, matched.positives, matched.negatives, strict=True):
        assert len(set(negatives.tolist())) == 50
        assert positive not in negatives
        assert not np.isin(negatives, world.likes.row(user)).any()


def test_matched_negatives_that_do_not_exist_are_an_error():
    likes = Library.from_pairs(np.zeros(4, int), np.arange(4), 1, 6)
    with pytest.raises(NegativesError, match="user 0: fewer than 3 of 6"):
        matched_cases(cases([0], [[4, 5, 4]]), likes, np.arange(6), **known(1, 6), seed=1)


def test_the_table_tells_knowledge_from_chance(world):
    likers = popularity(world.train)
    protocol = evaluation_protocol("validation", world.data.validation, **asked(world))
    ids = known(world.data.n_users, world.data.n_playlists)
    systems = [
        random_order(*ids.values(), seed=1),
        popularity_baseline(likers),
        neighbours_vote(world.user_songs, world.train),
        song_overlap(world.user_songs, world.playlist_songs, world.playlist_songs.lengths),
    ]
    rows = {row["system"]: row for row in quality_table(systems, [protocol], seed=1)}
    assert rows["random"]["mrr"] < rows["most liked"]["mrr"] < rows["song overlap"]["mrr"]
    assert rows["most liked"]["matched_mrr"] < 0.15 < rows["neighbours' vote"]["matched_mrr"]
    assert rows["song overlap"]["mrr"] > 0.9
    assert rows["most liked"]["coverage"] < 0.1 < rows["random"]["coverage"]
    assert rows["most liked"]["novelty"] < rows["random"]["novelty"]
    for row in rows.values():
        assert row["mrr_low"] <= row["mrr"] <= row["mrr_high"]
        assert 0 <= row["all_recall_10"] <= 1
    assert rows["random"]["ties"] == 0.0 < rows["most liked"]["ties"]
    assert len({row["twins"] for row in rows.values()}) == 1


def test_lists_leave_out_what_was_seen_and_count_by_hand():
    likes = Library.from_pairs(np.array([0, 0, 1]), np.array([0, 2, 3]), 2, 60)
    train = Library.from_pairs(np.array([0, 1]), np.array([0, 3]), 2, 60)
    scores = np.arange(60, 0, -1, dtype=np.float32)
    model = System("first come", lambda users: np.tile(scores, (len(users), 1)))
    held = cases([2], [np.arange(4, 54)])
    songs = Library.from_pairs(np.arange(60), np.arange(60), 60, 60)
    given = {"likes": likes, "train": train, "popularity": np.ones(60, int), "playlist_songs": songs}
    protocol = evaluation_protocol("test", held, **given, **known(2, 60), seed=1)
    row = quality_table([model], [protocol], seed=1)[0]
    # Playlist 0 was seen, so the list is 1, 2, ...: the held-out like stands second.
    assert row["all_ndcg_10"] == pytest.approx(1 / np.log2(3))
    assert row["all_recall_10"] == 1.0
    assert row["coverage"] == pytest.approx(10 / 60)
    assert row["novelty"] == pytest.approx(-np.log2(2 / 3))


@settings(deadline=None, max_examples=80)
@given(
    scores=st.lists(st.lists(st.integers(0, 4), min_size=12, max_size=12), min_size=1, max_size=5),
    k=st.integers(1, 14),
)
def test_the_highest_scores_come_first_and_equal_ones_by_lot(scores, k):
    keys, pids = np.arange(len(scores), dtype=np.uint64) + 70, np.arange(12) * 5
    found = best(np.array(scores, float), k, keys, pids).tolist()
    for row, columns in enumerate(found):
        lots = hash_pairs(0, TIE, keys[row], pids)
        assert columns == sorted(range(12), key=lambda c: (-scores[row][c], lots[c]))[:k]


def test_between_equal_scores_the_lot_favours_no_column():
    found = best(np.ones((6_000, 20)), 5, hash_pairs(1, 1, np.arange(6_000)), np.arange(20))
    # Each of 20 columns is in 1,500 of 6,000 lists of five, with a standard deviation of 34.
    assert np.bincount(found.ravel(), minlength=20) == pytest.approx(1_500, abs=5 * 34)


def test_what_is_served_is_measured_over_the_candidates_alone():
    candidates = Library.from_pairs(np.array([0, 0, 0, 1]), np.array([1, 2, 3, 4]), 3, 6)
    relevant = Library.from_pairs(np.array([0, 1, 2]), np.array([2, 5, 1]), 3, 6)
    # Playlist p holds song p and song 9; user 0 owns playlist 0, user 1 nothing.
    songs = Library.from_pairs(np.repeat(np.arange(6), 2), np.stack([np.arange(6), np.full(6, 9)], 1).ravel(), 6, 10)
    had = Library.from_pairs(np.array([0]), np.array([0]), 3, 6)
    model = factor_model("model", one_dimensional([9, 5, 4, 3, 2, 1]))
    found = served_metrics(model, candidates, relevant, known=had, playlist_songs=songs, **known(3, 6))
    # User 0 finds playlist 2 in second place, user 1's like is no candidate, user 2 has none.
    assert found["reach"] == pytest.approx(1 / 3)
    assert found["recall"] == pytest.approx((1 + 0 + 0) / 3)
    assert found["mrr"] == pytest.approx(1 / 2)
    assert found["precision_5"] == pytest.approx((1 / 3 + 0) / 2)
    assert found["coverage"] == pytest.approx(4 / 6)
    # One of two songs in common: cosine 1/2 for each of the three that user 0 is shown.
    assert found["similarity"] == pytest.approx(1 / 2)


def test_recall_of_the_candidates_is_the_mean_share_of_the_held_out_likes_that_they_hold():
    # User 0: two of three likes are candidates, in whatever place; user 1: one of one; user 2 has no likes.
    candidates = Library.from_pairs(np.array([0, 0, 0, 1, 1, 2]), np.array([1, 2, 7, 4, 5, 6]), 3, 8)
    relevant = Library.from_pairs(np.array([0, 0, 0, 1]), np.array([0, 2, 7, 4]), 3, 8)
    nothing = Library.from_pairs(np.zeros(0, int), np.zeros(0, int), 3, 8)
    songs = Library.from_pairs(np.arange(8), np.arange(8), 8, 8)
    found = served_metrics(
        factor_model("model", one_dimensional(list(range(8)))), candidates, relevant, known=nothing,
        playlist_songs=songs, **known(3, 8),
    )  # fmt: skip
    assert found["recall"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["reach"] == pytest.approx(1.0)


def test_precision_of_what_is_shown_counts_the_first_five_places_and_misses_where_one_is_empty():
    relevant = Library.from_pairs(np.array([0, 0, 0, 1, 3]), np.array([1, 2, 9, 4, 5]), 4, 10)
    # User 0: two of five (9 is sixth). User 1: one of two shown, of five places. User 3: no list. User 2 has no like.
    shown = [[1, 0, 2, 3, 4, 9], [4, 8], [5], []]
    lists = Ragged(np.cumsum([0, *map(len, shown)]), np.array([p for row in shown for p in row], np.uint32))
    assert shown_precision(lists, np.arange(4), relevant) == pytest.approx((2 / 5 + 1 / 5 + 0) / 3)
    assert np.isnan(shown_precision(lists, np.array([2]), relevant))


def test_what_is_like_several_owned_is_measured_by_hand():
    songs = Library.from_pairs(np.array([0, 1, 2, 2, 3]), np.array([0, 1, 0, 1, 2]), 4, 3)
    had = Library.from_pairs(np.array([0, 0]), np.array([0, 1]), 1, 4)
    shown = Library.from_pairs(np.array([0, 0]), np.array([2, 3]), 1, 4)
    # The listener is (1, 1, 0): playlist 2 is the same direction, playlist 3 shares nothing.
    assert mean_similarity(np.array([0]), shown, had, songs) == pytest.approx((1 + 0) / 2)
    nobody = Library.from_pairs(np.zeros(0, int), np.zeros(0, int), 1, 4)
    assert np.isnan(mean_similarity(np.array([0]), shown, nobody, songs))


def test_twins_have_the_songs_of_another_playlist_that_is_liked_in_train():
    songs = Library.from_pairs(np.array([0, 0, 1, 1, 2, 3]), np.array([0, 1, 1, 0, 0, 5]), 4, 6)
    train = Library.from_pairs(np.array([0, 1]), np.array([0, 3]), 2, 4)
    users, positives = np.array([0, 0, 1, 1, 0]), np.array([1, 2, 1, 3, 0])
    # Playlist 1 holds the songs of 0, which user 0 likes and user 1 does not; a playlist is no twin of itself.
    assert twins(users, positives, train, songs).tolist() == [True, False, False, False, False]


def test_who_is_judged_stays_so_when_others_come():
    keys = hash_pairs(3, 3, np.arange(2_000))
    few, many = (lowest_keys(np.arange(n), keys, 100) for n in (1_000, 2_000))
    assert len(few) == len(many) == 100
    assert set(many) & set(range(1_000)) <= set(few)
    assert lowest_keys(np.arange(5), keys, 100).tolist() == [0, 1, 2, 3, 4]


def test_a_system_with_a_score_that_is_not_finite_is_named(world):
    likers = popularity(world.train)
    protocol = evaluation_protocol("test", world.test_cases, **asked(world) | {"popularity": likers})
    broken = System("broken", lambda users: np.full((len(users), world.data.n_playlists), np.nan))
    with pytest.raises(NonFiniteScoresError, match="broken"):
        quality_table([broken], [protocol], seed=1)

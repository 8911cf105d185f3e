"""Blocks, batches and triplets against plain sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import sampling as twin

from buddies_assets.systems.playlists.triplet_order import bucket_of, explode, order_in_bucket, shuffle_hashes
from buddies_assets.systems.playlists.user_blocks import user_blocks
from buddies_core.evaluation.sampled_negatives import evaluation_batches
from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.samples import Blocks, SamplingError
from buddies_core.kernels.drawing import MISSING, Catalogue

N_PLAYLISTS = 24
PIDS = [7 * p + 3 for p in range(N_PLAYLISTS)]


def catalogue(n: int) -> Catalogue:
    """Playlists whose pids are not their rows."""
    return Catalogue.of(7 * np.arange(n) + 3)


def ragged(lists: list[list[int]]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in lists])])
    return Ragged(offsets, np.array([v for part in lists for v in part], np.uint32))


@st.composite
def users_with_pools(draw):
    """(key, positives, hard, easy, liked) for a few users; pools and likes do not overlap."""
    users = sorted(draw(st.sets(st.integers(0, 2**64 - 1), max_size=4)))
    people = []
    for user in users:
        order = draw(st.permutations(range(N_PLAYLISTS)))
        n_liked = draw(st.integers(1, N_PLAYLISTS))
        n_hard = draw(st.integers(0, 4))
        n_easy = draw(st.integers(0, 4))
        liked, rest = order[:n_liked], order[n_liked:]
        positives = sorted(liked[: draw(st.integers(0, n_liked))])
        people.append((user, positives, sorted(rest[:n_hard]), sorted(rest[n_hard : n_hard + n_easy]), sorted(liked)))
    return people


def drawn(people, seed: int, n_negatives: int = 4, n_hard: int = 2) -> Blocks:
    keys = np.array([person[0] for person in people], np.uint64)
    lists = [ragged([person[i] for person in people]) for i in range(1, 5)]
    counts = {"n_negatives": n_negatives, "n_hard": n_hard}
    return user_blocks(np.arange(len(people)), *lists, keys=keys, catalogue=catalogue(N_PLAYLISTS), seed=seed, **counts)


@settings(deadline=None, max_examples=60)
@given(
    people=users_with_pools(),
    seed=st.integers(0, 2**63),
    counts=st.sampled_from([(4, 2), (4, 0), (4, 4), (1, 1), (7, 3)]),
)
def test_blocks_are_those_of_the_twin_and_never_hold_what_the_user_likes(people, seed, counts):
    n_negatives, n_hard = counts
    blocks = drawn(people, seed, n_negatives, n_hard)
    rows = iter(zip(blocks.user.tolist(), blocks.positive.tolist(), blocks.negatives.tolist(), strict=True))
    short = 0
    for user, (key, positives, hard, easy, liked) in enumerate(people):
        for positive in positives:
            got_user, got_positive, negatives = next(rows)
            expected = twin.block(
                key,
                positive,
                hard,
                easy,
                set(liked),
                pids=PIDS,
                seed=seed,
                n_negatives=n_negatives,
                n_hard=n_hard,
            )
            missing = n_negatives - len(expected)
            assert (got_user, got_positive, negatives) == (user, positive, expected + [int(MISSING)] * missing)
            assert len(set(expected)) == len(expected) and not set(expected) & set(liked)
            short += missing
    assert next(rows, None) is None and blocks.short == short


def test_the_first_half_is_hard_and_the_second_easy_when_the_pools_are_large_enough():
    people = [(7, [0, 1, 2], [3, 4, 5, 6], [10, 11, 12, 13, 14], [0, 1, 2])]
    for negatives in drawn(people, seed=1).negatives:
        assert set(negatives[:2].tolist()) < {3, 4, 5, 6} and set(negatives[2:].tolist()) < {10, 11, 12, 13, 14}


def test_a_block_does_not_depend_on_who_else_is_in_the_shard():
    people = [(u, [0, 1], [3, 4, 5], [7, 8, 9], [0, 1]) for u in range(6)]
    whole, alone = drawn(people, seed=2), drawn(people[3:4], seed=2)
    assert np.array_equal(whole.negatives[6:8], alone.negatives)


def test_every_member_of_a_pool_is_drawn_about_equally_often():
    people = [(u, [0], list(range(1, 9)), list(range(9, 19)), [0]) for u in range(8_000)]
    negatives = drawn(people, seed=3).negatives
    counts = np.bincount(negatives.ravel(), minlength=19)
    assert counts[1:9] == pytest.approx(2_000, rel=0.1) and counts[9:19] == pytest.approx(1_600, rel=0.1)


def test_lists_for_another_number_of_users_are_refused():
    with pytest.raises(SamplingError, match="hard: 2 lists for 1 users"):
        lists = ragged([[0]]), ragged([[], []]), ragged([[]]), ragged([[0]])
        user_blocks(np.array([1]), *lists, keys=np.array([5]), catalogue=catalogue(9), seed=1)


def test_keys_for_another_number_of_users_are_refused():
    with pytest.raises(SamplingError, match="2 keys for 1 users"):
        lists = ragged([[0]]), ragged([[]]), ragged([[]]), ragged([[0]])
        user_blocks(np.array([1]), *lists, keys=np.array([5, 6]), catalogue=catalogue(9), seed=1)


@settings(deadline=None, max_examples=60)
@given(people=users_with_pools(), seed=st.integers(0, 2**63), n_negatives=st.integers(1, 12))
def test_batches_are_those_of_the_twin_and_hold_no_liked_playlist(people, seed, n_negatives):
    people = [person for person in people if N_PLAYLISTS - len(person[4]) >= n_negatives]
    keys = np.array([person[0] for person in people], np.uint64)
    positives, liked = ragged([person[1] for person in people]), ragged([person[4] for person in people])
    same = {"catalogue": catalogue(N_PLAYLISTS), "seed": seed, "n_negatives": n_negatives}
    batches = evaluation_batches(np.arange(len(keys)), positives, liked, keys=keys, **same).negatives
    expected = [
        twin.batch(key, positive, set(own), pids=PIDS, seed=seed, n_negatives=n_negatives)
        for key, own_positives, _, _, own in people
        for positive in own_positives
    ]
    assert batches.tolist() == expected
    for row, own in zip(batches, [p[4] for p in people for _ in p[1]], strict=True):
        assert len(set(row.tolist())) == n_negatives and not set(row.tolist()) & set(own)


def test_a_catalogue_with_exactly_enough_left_gives_all_of_it():
    lists = ragged([[0, 1]]), ragged([[0, 1, 2, 3]])
    batches = evaluation_batches(np.array([4]), *lists, keys=np.array([44]), catalogue=catalogue(54), seed=9)
    assert [sorted(row) for row in batches.negatives.tolist()] == [list(range(4, 54))] * 2


def test_who_leaves_too_little_of_the_catalogue_has_no_batch_and_others_keep_theirs():
    # Of 53 playlists 49 are left to user 8, who likes four; user 3 and 9 like one and have 52.
    lists = ragged([[7], [0, 1], [0]]), ragged([[7], [0, 1, 2, 3], [0]])
    batches = evaluation_batches(np.array([3, 8, 9]), *lists, keys=np.array([1, 2, 5]), catalogue=catalogue(53), seed=9)
    assert list(zip(batches.user.tolist(), batches.positive.tolist(), strict=True)) == [(3, 7), (9, 0)]
    alone = ragged([[0]]), ragged([[0]])
    expected = evaluation_batches(np.array([9]), *alone, keys=np.array([5]), catalogue=catalogue(53), seed=9)
    assert batches.negatives[1].tolist() == expected.negatives[0].tolist()


def test_where_nobody_leaves_enough_there_are_no_batches():
    batches = evaluation_batches(
        np.array([0]), ragged([[0]]), ragged([[0]]), keys=np.array([1]), catalogue=catalogue(6), seed=9
    )
    assert len(batches.user) == 0 and batches.negatives.shape == (0, 50)


def test_every_playlist_of_the_catalogue_is_drawn_about_equally_often():
    lists = ragged([[0]] * 4_000), ragged([[0]] * 4_000)
    drawn = evaluation_batches(np.arange(4_000), *lists, keys=np.arange(4_000), catalogue=catalogue(301), seed=2)
    counts = np.bincount(drawn.negatives.ravel(), minlength=301)
    # 200,000 draws of 300 playlists: 667 each, with a standard deviation of 26.
    assert counts[0] == 0 and counts[1:] == pytest.approx(667, abs=26 * 5)


@pytest.mark.parametrize("change", ["a playlist more", "a playlist less", "a row for everybody"])
def test_draws_from_the_catalogue_stay_but_for_those_of_the_playlists_that_came_or_went(change):
    """300 of 512 cells' worth of playlists: one more or less takes a draw only where it stands."""
    pids = np.sort(np.random.default_rng(1).choice(10**6, 300, replace=False))
    others = {"a playlist more": np.sort(np.append(pids, 1_000_001)), "a playlist less": np.delete(pids, 117)}
    others |= {"a row for everybody": np.roll(pids, 1)}

    def drawn(own: np.ndarray) -> np.ndarray:
        liked = [[int(np.flatnonzero(own == pids[0])[0])]] * 200
        lists = ragged(liked), ragged(liked)
        found = evaluation_batches(
            np.arange(200), *lists, keys=np.arange(200), catalogue=Catalogue.of(own), seed=5, n_negatives=20
        )
        return own[found.negatives]

    same = (drawn(pids) == drawn(others[change])).mean()
    assert same == 1.0 if change == "a row for everybody" else same > 0.9


def test_triplets_are_the_blocks_taken_apart_without_what_is_missing():
    negatives = np.array([[1, 2], [3, MISSING]], np.uint32)
    blocks = Blocks(np.array([5, 6], np.uint32), np.array([8, 9], np.uint32), negatives, 1)
    assert [column.tolist() for column in explode(blocks)] == [[5, 5, 6], [8, 8, 9], [1, 2, 3]]


def test_the_shuffled_order_does_not_depend_on_the_order_or_shards_it_came_in():
    generator = np.random.default_rng(0)
    triplets = tuple(generator.integers(0, 50, 5_000).astype(np.uint32) for _ in range(3))
    keys, pids = generator.integers(0, 2**63, 50).astype(np.uint64), np.arange(50, dtype=np.uint32) * 3
    mixed_order = generator.permutation(5_000)
    mixed = tuple(column[mixed_order] for column in triplets)

    def shuffled(columns):
        hashes = shuffle_hashes(columns, keys, pids, 7)
        buckets = bucket_of(hashes, 4)
        parts = []
        for bucket in range(4):
            inside = tuple(column[buckets == bucket] for column in columns)
            order = order_in_bucket(inside, hashes[buckets == bucket])
            parts += zip(*(column[order].tolist() for column in inside), strict=True)
        return parts

    assert shuffled(triplets) == shuffled(mixed)
    assert sorted(shuffled(triplets)) == sorted(zip(*(c.tolist() for c in triplets), strict=True))
    assert np.bincount(bucket_of(shuffle_hashes(triplets, keys, pids, 7), 4)) == pytest.approx(1_250, rel=0.15)


def test_triplets_of_equal_hash_are_ordered_by_themselves():
    triplets = tuple(np.array(column, np.uint32) for column in ([2, 1, 1], [0, 5, 4], [0, 0, 0]))
    assert order_in_bucket(triplets, np.zeros(3, np.uint64)).tolist() == [2, 1, 0]

"""Nearest users against exact fractions, and the rule that says which of them to follow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import pairing as twin

from buddies_assets.systems.playlists.pairing.nearest import Neighbours, nearest, shuffled, take_owners
from buddies_core.interactions.csr import Library


def library(rows: list[list[int]], n_columns: int) -> Library:
    columns = np.array([c for row in rows for c in row], np.int64)
    return Library.from_pairs(np.repeat(np.arange(len(rows)), [len(r) for r in rows]), columns, len(rows), n_columns)


def lists(neighbours: Neighbours) -> list[list[int]]:
    return [part.tolist() for part in np.split(neighbours.neighbour, neighbours.offsets[1:-1])]


@settings(deadline=None, max_examples=60)
@given(
    generator=st.integers(0, 2**32).map(np.random.default_rng),
    n_users=st.integers(1, 60),
    n_songs=st.integers(1, 30),
    density=st.sampled_from([0.03, 0.2, 0.7, 1.0]),
    most=st.sampled_from([1, 5, 100]),
)
def test_neighbours_are_those_of_the_twin_in_order(generator, n_users, n_songs, density, most):
    rows, columns = np.nonzero(generator.random((n_users, n_songs)) < density)
    users = Library.from_pairs(rows, columns, n_users, n_songs)
    found = nearest(users, most=most)
    for user in range(n_users):
        part = slice(found.offsets[user], found.offsets[user + 1])
        expected = twin.nearest_of(users, user, most)
        assert list(zip(found.neighbour[part].tolist(), found.shared[part].tolist(), strict=True)) == expected
        lengths = users.lengths
        cosines = [c / np.sqrt(float(lengths[user] * lengths[o])) for o, c in expected]
        assert found.similarity[part].tolist() == np.array(cosines, np.float32).tolist()


def test_thousands_of_equal_cosines_leave_the_lowest_users():
    users = library([[0]] * 3_000, 1)
    found = lists(nearest(users, most=100))
    assert found[0] == list(range(1, 101))
    assert found[50] == [*range(50), *range(51, 101)]
    assert found[2_999] == list(range(100))


def test_many_near_ties_are_ordered_as_a_full_sort_orders_them():
    generator = np.random.default_rng(5)
    rows, columns = np.nonzero(generator.random((1_500, 80)) < generator.random((1_500, 1)) * 0.5)
    users = Library.from_pairs(rows, columns, 1_500, 80)
    dense = np.zeros((1_500, 80), np.int64)
    dense[rows, columns] = 1
    shared, lengths = dense @ dense.T, users.lengths
    found = lists(nearest(users, most=100))
    for user in range(0, 1_500, 10):
        others = np.flatnonzero(shared[user])
        others = others[others != user]
        order = np.lexsort((others, -(shared[user, others] ** 2 / lengths[others])))
        assert found[user] == others[order][:100].tolist()


def test_libraries_with_more_than_255_songs_in_common_do_not_overflow():
    songs = list(range(600))
    users = library([songs, songs[:400], songs[:255], songs[:256], songs[590:]], 600)
    found = nearest(users)
    for user in range(5):
        part = slice(found.offsets[user], found.offsets[user + 1])
        expected = twin.nearest_of(users, user, 100)
        assert list(zip(found.neighbour[part].tolist(), found.shared[part].tolist(), strict=True)) == expected


def test_threads_and_parts_give_the_same_neighbours():
    generator = np.random.default_rng(1)
    rows, columns = np.nonzero(generator.random((5_000, 60)) < 0.05)
    users = Library.from_pairs(rows, columns, 5_000, 60)
    one, two = nearest(users, threads=1), nearest(users, threads=2)
    assert np.array_equal(one.neighbour, two.neighbour) and np.array_equal(one.offsets, two.offsets)
    part = nearest(users, start=100, stop=140)
    assert lists(part) == lists(one)[100:140]


def test_users_with_nothing_in_common_have_no_neighbours():
    found = nearest(library([[0], [1], []], 2))
    assert found.offsets.tolist() == [0, 0, 0, 0] and len(found.neighbour) == 0


@settings(deadline=None, max_examples=60)
@given(
    owned=st.lists(st.integers(0, 4), min_size=12, max_size=12),
    lengths=st.lists(st.integers(0, 12), max_size=6),
    most=st.integers(0, 6),
    enough=st.integers(0, 12),
)
def test_the_stop_rule_is_that_of_the_twin(owned, lengths, most, enough):
    given_lists = [list(range(n)) for n in lengths]
    flat = np.array([u for part in given_lists for u in part], np.uint32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    neighbours = Neighbours(offsets, flat, np.ones(len(flat), np.float32), np.ones(len(flat), np.uint32))
    kept = take_owners(neighbours, np.array(owned), most=most, enough=enough)
    expected = [twin.take_owners(part, np.array(owned), most, enough) for part in given_lists]
    assert kept.neighbour.tolist() == [u for part in expected for u in part]
    assert np.diff(kept.offsets).tolist() == [len(part) for part in expected]


def test_following_goes_on_past_the_number_of_neighbours_until_enough_playlists_are_reached():
    neighbours = Neighbours(
        np.array([0, 6]), np.arange(6, dtype=np.uint32), np.ones(6, np.float32), np.ones(6, np.uint32)
    )
    kept = take_owners(neighbours, np.array([1, 0, 1, 1, 5, 1]), most=2, enough=7)
    assert kept.neighbour.tolist() == [0, 2, 3, 4]
    assert kept.ranks.tolist() == [0, 1, 2, 3]


def test_shuffling_keeps_the_lists_and_depends_on_the_seed_alone():
    found = nearest(library([[0]] * 40, 1))
    keys = np.arange(40, dtype=np.uint64) + 500
    mixed, again, other = (shuffled(found, seed, keys=keys) for seed in (1, 1, 2))
    assert [sorted(part) for part in lists(mixed)] == lists(found)
    assert lists(mixed) == lists(again) and lists(mixed) != lists(other) and lists(mixed) != lists(found)


@pytest.mark.parametrize("similarity", [1.0, 0.5])
def test_a_cosine_worked_out_by_hand(similarity):
    rows = [[0, 1], [0, 1]] if similarity == 1.0 else [[0], [0, 1, 2, 3]]
    assert nearest(library(rows, 4)).similarity.tolist() == [similarity] * 2

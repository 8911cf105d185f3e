"""Owners against the twin, and the rules one by one."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import ownership as twin

from buddies_assets.systems.playlists.ownership import OwnershipError, assign_owners

scores = st.sampled_from([0.1, 0.2, 0.25, 0.5])


def shards_of(likes: list[tuple[int, int, float]], size: int):
    def read():
        for start in range(0, len(likes), size):
            users, playlists, values = zip(*likes[start : start + size], strict=True)
            yield np.array(users, np.uint32), np.array(playlists, np.uint32), np.array(values, np.float32)

    return read


@settings(deadline=None, max_examples=60)
@given(
    likes=st.dictionaries(st.tuples(st.integers(0, 7), st.integers(0, 19)), scores, max_size=90),
    songs=st.lists(st.sampled_from([1, 4, 16]), min_size=8, max_size=8),
    cap=st.integers(1, 5),
    size=st.integers(1, 30),
    order=st.randoms(use_true_random=False),
)
def test_owners_are_those_of_the_twin_however_the_likes_come(likes, songs, cap, size, order):
    rows = [(user, playlist, score) for (user, playlist), score in likes.items()]
    order.shuffle(rows)
    found = assign_owners(shards_of(rows, size), np.array(songs), 20, cap=cap)
    expected = twin.assign_owners(rows, np.array(songs), cap)
    assert dict(zip(found.playlist.tolist(), found.owner.tolist(), strict=True)) == {
        p: o for p, (o, _) in expected.items()
    }
    assert found.priority.tolist() == [expected[p][1] for p in sorted(expected)]
    likers = Counter(playlist for _, playlist, _ in rows)
    assert found.likers.tolist() == [likers[p] for p in sorted(expected)]
    assert found.left_over == len(likers) - len(expected)
    assert max(Counter(found.owner.tolist()).values(), default=0) <= cap


def test_the_smaller_library_wins_at_equal_score_and_the_lower_user_at_equal_priority():
    likes = [(0, 0, 0.5), (1, 0, 0.5), (2, 0, 0.5)]
    assert assign_owners(shards_of(likes, 9), np.array([9, 4, 4]), 1).owner.tolist() == [1]


def test_a_playlist_whose_likers_are_full_is_left_over():
    likes = [(0, p, 0.5) for p in range(5)]
    found = assign_owners(shards_of(likes, 9), np.array([4]), 8, cap=3)
    assert found.playlist.tolist() == [0, 1, 2] and found.left_over == 2


def test_without_likes_nothing_is_owned():
    found = assign_owners(lambda: iter(()), np.array([4]), 3)
    assert len(found.playlist) == 0 and found.left_over == 0


def test_likes_that_change_between_the_two_readings_are_refused():
    readings = iter([[(0, 0, 0.5), (0, 1, 0.5)], [(0, 0, 0.5), (1, 0, 0.5)]])
    with pytest.raises(OwnershipError, match="changed while they were read"):
        assign_owners(lambda: shards_of(next(readings), 9)(), np.array([4, 4]), 2)


def test_a_like_of_an_unknown_user_is_refused():
    with pytest.raises(OwnershipError, match="outside 1 users"):
        assign_owners(shards_of([(1, 0, 0.5)], 9), np.array([4]), 2)

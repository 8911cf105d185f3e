"""Cold users and splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.splitting import split_user

from buddies_core.evaluation.splitting import TEST, TRAIN, VALIDATION, cold_users, split_likes, toy_users


@settings(deadline=None, max_examples=60)
@given(
    likes=st.dictionaries(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 10**6), max_size=40), max_size=6),
    seed=st.integers(0, 2**63),
)
def test_splits_are_those_of_the_twin(likes, seed):
    users = sorted(likes)
    flat = np.array([p for user in users for p in likes[user]], np.uint32)
    offsets = np.concatenate([[0], np.cumsum([len(likes[user]) for user in users])])
    splits = split_likes(np.array(users, np.uint64), offsets, flat, seed)
    for i, user in enumerate(users):
        part = slice(offsets[i], offsets[i + 1])
        assert dict(zip(flat[part].tolist(), splits[part].tolist(), strict=True)) == split_user(user, flat[part], seed)


@pytest.mark.parametrize(
    ("n", "counts"), [(0, (0, 0, 0)), (4, (4, 0, 0)), (5, (4, 1, 0)), (6, (5, 1, 0)), (7, (5, 2, 0)), (10, (7, 2, 1))]
)
def test_a_few_likes_stay_in_train_and_more_are_split_seventy_twenty_ten(n, counts):
    splits = split_likes(np.array([3]), np.array([0, n]), np.arange(n), 1)
    assert tuple(np.count_nonzero(splits == code) for code in (TRAIN, VALIDATION, TEST)) == counts


def test_the_order_of_the_likes_does_not_matter():
    playlists = np.arange(100, 160)
    splits = split_likes(np.array([8]), np.array([0, 60]), playlists, 5)
    assert split_likes(np.array([8]), np.array([0, 60]), playlists[::-1], 5).tolist() == splits[::-1].tolist()


def test_one_user_in_twenty_is_cold_and_the_choice_is_each_users_own():
    cold = cold_users(np.arange(100_000), 4)
    assert cold.mean() == pytest.approx(0.05, abs=0.003)
    assert cold_users(np.arange(500, 600), 4).tolist() == cold[500:600].tolist()


def test_a_toy_set_is_chosen_apart_from_cold_users():
    users = np.arange(200_000)
    toy, cold = toy_users(users, 4, share=0.05), cold_users(users, 4)
    assert toy.mean() == pytest.approx(0.05, abs=0.003)
    assert cold[toy].mean() == pytest.approx(0.05, abs=0.01)

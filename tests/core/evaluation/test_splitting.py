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


def counts(n: int, keys: np.ndarray) -> np.ndarray:
    """Train, validation and test likes of each user, who like n playlists each; int [len(keys), 3]."""
    splits = split_likes(keys, np.arange(0, n * len(keys) + 1, n), np.tile(np.arange(n), len(keys)), 1)
    return np.stack([(splits.reshape(len(keys), n) == code).sum(axis=1) for code in (TRAIN, VALIDATION, TEST)], axis=1)


@pytest.mark.parametrize("n", [1, 4])
def test_a_few_likes_stay_in_train(n):
    assert counts(n, np.arange(50)).tolist() == [[n, 0, 0]] * 50


@pytest.mark.parametrize("n", [5, 6, 7, 9, 10, 13, 40])
def test_more_likes_are_split_seventy_twenty_ten_each_share_rounded_down_or_up_and_unbiased(n):
    found = counts(n, np.arange(4_000))
    for code, share in enumerate((0.7, 0.2, 0.1)):
        assert np.abs(found[:, code] - share * n).max() < 1
        # The rounding's standard deviation is at most 1/2, so that of a mean of 4,000 at most 0.008.
        assert found[:, code].mean() == pytest.approx(share * n, abs=0.04)


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

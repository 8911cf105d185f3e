"""Simulated listeners like what fits them, the top of the list, and now and then nothing."""

import numpy as np
import pytest

from buddies_assets.simulation.listeners import Chance, Preferences
from buddies_core.interactions.csr import Library


def preferences(**changes) -> Preferences:
    """Two users with songs 0-4 and 5-9; ten playlists of three songs, the first five for user 0."""
    users = Library.from_pairs(np.repeat([0, 1], 5), np.arange(10), 2, 10)
    rows = np.repeat(np.arange(10), 3)
    songs = np.concatenate([(j // 5) * 5 + (np.arange(3) + j) % 5 for j in range(10)])
    return Preferences(users, Library.from_pairs(rows, songs, 10, 10), seed=1, **changes)


def shares(taste, user: int, shown: np.ndarray) -> list[float]:
    draws = (np.arange(4_000) + 0.5) / 4_000
    places = [taste.choose(user, shown, float(draw)) for draw in draws]
    return [places.count(place) / len(places) for place in [*range(len(shown)), None]]


def test_a_listener_likes_playlists_of_their_own_songs_most():
    liked = shares(preferences(position_bias=0.0, nothing=1.0), 0, np.array([7, 2]))
    assert liked[1] > 3 * liked[0]


def test_of_equal_playlists_the_first_is_liked_more_often():
    liked = shares(preferences(position_bias=1.0), 0, np.array([1, 2, 3]))
    assert liked[0] / liked[1] == pytest.approx(2.0, rel=0.02)
    assert liked[0] / liked[2] == pytest.approx(3.0, rel=0.02)


def test_the_share_of_lists_that_are_liked_is_the_expected_rate():
    taste, shown = preferences(nothing=0.5), np.array([0, 6, 3])
    assert 1 - shares(taste, 0, shown)[-1] == pytest.approx(taste.expected_rate(0, shown), abs=1e-3)


def test_another_season_changes_what_is_liked_and_no_season_does_not():
    shown = np.arange(10)
    assert np.array_equal(preferences(trend=1).utilities(0, shown), preferences(trend=2).utilities(0, shown))
    first, second = (preferences(trend=trend, trend_pull=2.0).utilities(0, shown) for trend in (1, 2))
    assert not np.allclose(first, second)


def test_listeners_by_chance_like_each_place_equally_and_always_one():
    assert shares(Chance(), 0, np.arange(5)) == [0.2, 0.2, 0.2, 0.2, 0.2, 0.0]

"""Hidden plays: which they are depends on user, song and seed alone, and no library knows of them."""

import numpy as np
import polars as pl
import pytest

from buddies_assets.sources.steps.hidden import EVERYTHING_VISIBLE, HiddenPlays


def plays(users: range, songs: range = range(40)) -> pl.DataFrame:
    pairs = [(f"{user:040x}", f"SO{song:016d}") for user in users for song in songs]
    return pl.DataFrame(pairs, schema=["user_id", "song_id"], orient="row")


def test_about_the_share_asked_for_is_hidden_of_many_plays():
    assert HiddenPlays(1, 0.2).mask(plays(range(500))).mean() == pytest.approx(0.2, abs=0.01)


def test_a_play_stays_hidden_whoever_else_plays_and_in_whatever_order():
    hidden, all_plays = HiddenPlays(1, 0.3), plays(range(20))
    expected = {row for row, h in zip(all_plays.rows(), hidden.mask(all_plays), strict=True) if h}
    shuffled = pl.concat([plays(range(100, 103)), all_plays.sample(fraction=1.0, shuffle=True, seed=4)])
    found = {row for row, h in zip(shuffled.rows(), HiddenPlays(1, 0.3).mask(shuffled), strict=True) if h}
    assert found & set(all_plays.rows()) == expected


def test_another_seed_hides_others_and_a_larger_share_hides_more_of_the_same():
    some = plays(range(50))
    few, many, others = HiddenPlays(1, 0.1).mask(some), HiddenPlays(1, 0.3).mask(some), HiddenPlays(2, 0.1).mask(some)
    assert (few <= many).all()
    assert not np.array_equal(few, others)


def test_hidden_and_visible_plays_are_all_plays():
    hidden, some = HiddenPlays(3, 0.25), plays(range(10))
    parts = pl.concat([hidden.hidden(some), hidden.visible(some)])
    assert parts.sort("user_id", "song_id").equals(some)
    assert EVERYTHING_VISIBLE.visible(some).equals(some)

"""What feedback tells of songs, by hand, and what taste makes of it."""

import functools
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from buddies_assets.systems.playlists.taste.told import LIKED, PASSED_OVER, told_songs
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.song_taste import OF_ITSELF, SongTaste

PLAYLISTS = Library.from_pairs(np.array([0, 0, 0, 0, 1, 2, 2]), np.array([0, 1, 2, 3, 3, 4, 5]), 3, 6)


def window(*sessions: tuple[int, int, list[int], str, int]) -> pl.DataFrame:
    """Sessions of (user, positive, negatives, split, copies)."""
    schema = {"user": pl.UInt32, "positive": pl.UInt32, "negatives": pl.List(pl.UInt32), "split": pl.String}
    frame = pl.DataFrame(list(sessions), schema=schema | {"copies": pl.UInt8}, orient="row")
    return frame.with_columns(created_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_songs_of_a_liked_playlist_are_told_of_by_its_length_and_those_passed_over_take_a_little():
    told = told_songs(window((1, 0, [1], "train", 1)), PLAYLISTS, 2, weight=1.0).toarray()
    like, no = LIKED / 2, PASSED_OVER  # four songs, and one
    assert told[0].tolist() == [0.0] * 6
    assert told[1] == pytest.approx([like, like, like, like - no, 0, 0])


def test_held_out_sessions_tell_nothing_and_phased_out_ones_less():
    sessions = [(0, 1, [2], "validation", 1), (0, 1, [2], "test", 1), (1, 1, [0], "train", 2)]
    told = told_songs(window(*sessions), PLAYLISTS, 2, weight=4.0).toarray()
    assert not told[0].any()
    assert told[1, 3] == pytest.approx(0.5 * LIKED - 0.5 * PASSED_OVER / 2)


def test_however_much_is_told_it_says_no_more_than_a_play():
    told = told_songs(window(*[(0, 1, [2], "train", 1)] * 30), PLAYLISTS, 1, weight=1.0).toarray()
    assert told.max() == 1.0
    assert told.min() == -1.0


def test_a_window_without_sessions_tells_nothing():
    told = told_songs(window(), PLAYLISTS, 4, weight=1.0)
    assert told.shape == (4, 6)
    assert told.nnz == 0


def test_what_one_listener_is_told_to_like_reaches_those_who_play_the_same():
    # Half of the listeners play songs 0 to 4, the others 5 to 9. Some of the first half liked a playlist of song 10.
    generator = np.random.default_rng(4)
    same = (np.arange(80)[:, None] % 2) == (np.arange(11) >= 5)
    plays = (same & (generator.random(same.shape) < 0.8)).astype(np.float32)
    plays[:, 10] = 0
    liked = np.zeros_like(plays)
    liked[0:40:2, 10] = 1.0
    hashes = {"user_hashes": np.arange(80, dtype=np.uint64), "song_hashes": np.arange(11, dtype=np.uint64)}
    nothing = csr_array((1, 11), dtype=np.float32)
    fit = functools.partial(SongTaste.fit, csr_array(plays), nothing, nothing, seed=1, **hashes)
    without, taught = fit().scores(csr_array(plays)), fit(told=csr_array(liked)).scores(csr_array(plays))
    alike, others = np.arange(40, 80, 2), np.arange(41, 80, 2)
    assert not without[:, 10].any()
    assert taught[alike, 10].min() > taught[others, 10].max()


def test_a_liked_song_raises_those_it_goes_with_and_itself_and_one_passed_over_lowers_them():
    weights = csr_array(np.array([[0, 0.2, 0], [0.2, 0, 0.1], [0, 0.1, 0]], np.float32))
    taste = SongTaste(weights, np.zeros(3, np.float32), np.array([1.0, 0.0, 0.0]))
    histories = csr_array(np.array([[0, 0, 1]], np.float32))
    before = taste.scores(histories)[0]
    liked = taste.scores(histories, csr_array(np.array([[0.5, 0, 0]], np.float32)))[0]
    assert liked - before == pytest.approx([0.5 * OF_ITSELF, 0.1, 0.0])
    passed = taste.scores(histories, csr_array(np.array([[-0.25, 0, 0]], np.float32)))[0]
    assert passed - before == pytest.approx([0.0, -0.05, 0.0])

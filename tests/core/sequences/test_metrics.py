"""Metrics by hand."""

import math

import numpy as np
import pytest

from buddies_core.sequences.metrics import continuation_metrics, interval, next_track_metrics, rank_of

SONGS = np.array([2, 5, 9, 11])


def test_ties_stand_before_the_right_song_and_what_is_no_candidate_has_no_rank():
    scores = np.array([0.3, 0.7, 0.3, 0.1])
    assert rank_of(SONGS, scores, 5) == 1
    assert rank_of(SONGS, scores, 2) == rank_of(SONGS, scores, 9) == 3
    assert rank_of(SONGS, scores, 4) is None
    assert rank_of(SONGS, scores, 99) is None


def test_hits_and_reciprocal_ranks_end_at_a_hundred():
    assert next_track_metrics(4) == (1.0, 1.0, 0.25)
    assert next_track_metrics(100) == (0.0, 1.0, 0.01)
    assert next_track_metrics(101) == next_track_metrics(None) == (0.0, 0.0, 0.0)


def test_a_continuation_by_hand():
    answers, right = np.array([4, 1, 7, 2]), np.array([1, 2, 30])
    artists, right_artists = np.array([0, 1, 2, 1]), np.array([1, 2])
    precision, official, ndcg, clicks, recall = continuation_metrics(answers, right, artists, right_artists)
    # Of the first three, song 1 is right; song 7 is by artist 2, of whom a song is missed: a quarter.
    assert precision == pytest.approx(1 / 3)
    assert official == pytest.approx(1.25 / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert (clicks, recall) == (0.0, pytest.approx(2 / 3))


def test_nothing_right_takes_51_clicks_and_the_eleventh_takes_one():
    nowhere = continuation_metrics(np.arange(20), np.array([99]), np.zeros(20, int), np.array([1]))
    assert nowhere == (0.0, 0.0, 0.0, 51.0, 0.0)
    eleventh = continuation_metrics(np.arange(20), np.array([10]), np.zeros(20, int), np.array([1]))
    assert eleventh[3] == 1.0


def test_an_interval_is_over_playlists_and_shrinks_to_nothing_when_all_agree():
    assert interval(np.full(10, 0.5), np.arange(10)) == (0.5, 0.5)
    low, high = interval(np.tile([0.0, 1.0], 200), np.arange(400))
    assert low == pytest.approx(0.45, abs=0.02)
    assert high == pytest.approx(0.55, abs=0.02)

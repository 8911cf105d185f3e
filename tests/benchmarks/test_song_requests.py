"""Waiting in one queue."""

import numpy as np

from benchmarks.song_requests import waited


def test_a_request_waits_until_all_before_it_are_answered():
    due = np.array([0.0, 1.0, 2.0, 10.0, 10.0])
    spent = np.array([3.0, 2.0, 1.0, 1.0, 5.0])
    # answered from 0 to 3, from 3 to 5, from 5 to 6, from 10 to 11 and from 11 to 16
    assert waited(spent, due).tolist() == [0.0, 2.0, 3.0, 0.0, 1.0]

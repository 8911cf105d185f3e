"""A served version judged on data that it was not made of."""

from pathlib import Path

import numpy as np
import pytest

from buddies_assets.systems.playlists.champion_ranks import ranks_by_served
from buddies_core.recommenders.bpr.data import EvaluationCases


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Numbers 0 and 2 are users of the version, 1 is not; playlists 10, 20 and 30, which score 1, 2 and 3 for 0."""
    np.save(tmp_path / "user_factors.npy", np.array([[1], [0], [-1]], np.float32))
    np.save(tmp_path / "playlist_factors.npy", np.array([[1], [2], [3]], np.float32))
    np.save(tmp_path / "playlist_pids.npy", np.array([10, 20, 30], np.uint32))
    return tmp_path


def test_users_are_found_by_number_and_playlists_by_pid_and_who_is_unknown_has_no_rank(served: Path):
    numbers, pids = np.array([2, 1, 0, 9]), np.array([20, 25, 30, 10])
    cases = EvaluationCases(
        np.array([2, 0, 1, 3, 2, 2], np.uint32),
        np.array([2, 2, 2, 2, 1, 0], np.uint32),
        np.array([[0, 3]] * 4 + [[0, 3], [1, 3]], np.uint32),
    )
    # User row 2 is number 0: playlist 30 beats 20 and 10. Row 0 is number 2: it is last. Row 1 (number 1) was not in
    # the version's data, row 3 (number 9) came later; pid 25 is unknown, as positive and as negative.
    np.testing.assert_array_equal(ranks_by_served(served, cases, numbers, pids), [1, 3, np.nan, np.nan, np.nan, np.nan])

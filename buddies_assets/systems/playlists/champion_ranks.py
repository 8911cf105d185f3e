"""How a served version ranks the evaluation batches of other data than it was made of."""

from pathlib import Path

import numpy as np

from buddies_core.evaluation.ranks import case_ranks
from buddies_core.kernels.sorted_lookup import places_in
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.factors import Factors


def ranks_by_served(
    folder: Path, cases: EvaluationCases, numbers: np.ndarray, pids: np.ndarray, *, threads: int = 1
) -> np.ndarray:
    """Ranks of the cases' positives, float64 [n]; NaN where the version lacks the user or one of the playlists.

    Args:
        folder: of the served version, which knows users by number and playlists by pid.
        cases: over rows of today's libraries.
        numbers, pids: number of each user and pid of each playlist of today's libraries.
    """
    users, playlists, known_pids = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("user_factors", "playlist_factors", "playlist_pids")
    )
    ranks = np.full(len(cases), np.nan)
    if not len(known_pids) or not len(users):
        return ranks
    known_playlists, place = places_in(known_pids, pids)
    row = np.minimum(numbers, len(users) - 1)
    # A number without a row in the version's data has a vector of zeros, which would tie everything.
    known_users = (numbers < len(users)) & np.any(users, axis=1)[row]
    judged = known_users[cases.users] & known_playlists[cases.positives] & known_playlists[cases.negatives].all(axis=1)
    asked = EvaluationCases(
        row[cases.users[judged]].astype(np.uint32),
        place[cases.positives[judged]].astype(np.uint32),
        place[cases.negatives[judged]].astype(np.uint32),
    )
    ranks[judged] = case_ranks(
        Factors(np.ascontiguousarray(users), np.ascontiguousarray(playlists)), asked, threads=threads
    )
    return ranks

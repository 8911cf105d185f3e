"""How a served version ranks the evaluation batches of other data than it was made of."""

from pathlib import Path

import numpy as np

from buddies_core.evaluation.ranks import bag_ranks
from buddies_core.recommenders.bpr.data import Bags
from buddies_core.recommenders.factors import Factors


def ranks_by_served(folder: Path, bags: Bags, numbers: np.ndarray, pids: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """Ranks of the bags' positives, float64 [n]; NaN where the version lacks the user or one of the playlists.

    Args:
        folder: of the served version, which knows users by number and playlists by pid.
        bags: over rows of today's libraries.
        numbers, pids: number of each user and pid of each playlist of today's libraries.
    """
    users, playlists, known_pids = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("user_factors", "playlist_factors", "playlist_pids")
    )
    ranks = np.full(len(bags), np.nan)
    if not len(known_pids) or not len(users):
        return ranks
    place = np.minimum(np.searchsorted(known_pids, pids), len(known_pids) - 1)
    known_playlists = np.asarray(known_pids)[place] == pids
    row = np.minimum(numbers, len(users) - 1)
    # A number without a row in the version's data has a vector of zeros, which would tie everything.
    known_users = (numbers < len(users)) & np.any(users, axis=1)[row]
    judged = known_users[bags.users] & known_playlists[bags.positives] & known_playlists[bags.negatives].all(axis=1)
    asked = Bags(
        row[bags.users[judged]].astype(np.uint32),
        place[bags.positives[judged]].astype(np.uint32),
        place[bags.negatives[judged]].astype(np.uint32),
    )
    ranks[judged] = bag_ranks(
        Factors(np.ascontiguousarray(users), np.ascontiguousarray(playlists)), asked, threads=threads
    )
    return ranks

"""Scores the plain way: one sparse product, then sorting every user's pairs. Slow, and easy to be sure of."""

from dataclasses import dataclass

import numpy as np

from buddies_assets.systems.playlists.scoring.score import ScoringRules
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import EASY, HARD, hash_pairs


@dataclass(frozen=True)
class UserScores:
    """One user's pairs, best first (ties by playlist), cut into liked, hard and easy."""

    playlists: np.ndarray
    matches: np.ndarray
    scores: np.ndarray
    n_liked: int
    n_hard: int
    hard: np.ndarray
    easy: np.ndarray


def score_user(
    users: Library, playlists: Library, user: int, exploration: float, seed: int, rules: ScoringRules
) -> UserScores:
    """Scores one user by its definition."""
    songs = users.row(user)
    matches = np.zeros(playlists.n_rows, np.int64)
    for playlist in range(playlists.n_rows):
        matches[playlist] = len(np.intersect1d(songs, playlists.row(playlist)))
    found = np.flatnonzero(matches)
    m = matches[found]
    gain = (1.0 - exploration) * np.log1p(m.astype(np.float64)) + exploration
    scores = gain / (np.sqrt(float(len(songs))) * np.sqrt(playlists.lengths[found].astype(np.float64)))
    order = np.lexsort((found, -scores))
    found, m, scores = found[order], m[order], scores[order]
    n = len(found)
    n_liked = max(1, -(-n * rules.liked_per_mille // 1000)) if n else 0
    n_hard = -(-(n - n_liked) * rules.hard_per_mille // 1000)
    hard, easy = found[n_liked : n_liked + n_hard], found[n_liked + n_hard :]
    return UserScores(
        found,
        m,
        scores,
        n_liked,
        n_hard,
        sample(hard, playlists, user, seed, HARD, rules.pool_size),
        sample(easy, playlists, user, seed, EASY, rules.pool_size),
    )


def sample(pool: np.ndarray, playlists: Library, user: int, seed: int, stream: int, wanted: int) -> np.ndarray:
    """The members of `pool` with the smallest hashes, ascending; a playlist is hashed by its place by length."""
    numbers = np.argsort(np.argsort(playlists.lengths, kind="stable"))
    hashes = hash_pairs(seed, stream, user, numbers[pool])
    return np.sort(pool[np.argsort(hashes)[:wanted]])

"""Scores the plain way: one sparse product, then sorting every user's pairs. Slow, and easy to be sure of."""

from dataclasses import dataclass

import numpy as np

from buddies_assets.systems.playlists.scoring.score import ScoringRules
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import EASY, HARD, TIE, hash_pairs


@dataclass(frozen=True)
class Given:
    """What scores are made of: libraries, ids and counted songs of both sides."""

    users: Library
    playlists: Library
    keys: np.ndarray
    pids: np.ndarray
    user_songs: np.ndarray
    playlist_songs: np.ndarray


@dataclass(frozen=True)
class UserScores:
    """One user's pairs, best first, cut into liked (equal scores by playlist), hard and easy."""

    playlists: np.ndarray
    matches: np.ndarray
    scores: np.ndarray
    n_liked: int
    n_hard: int
    hard: np.ndarray
    easy: np.ndarray


def score_user(given: Given, user: int, exploration: float, seed: int, rules: ScoringRules) -> UserScores:
    """Scores one user by its definition."""
    songs = given.users.row(user)
    matches = np.zeros(given.playlists.n_rows, np.int64)
    for playlist in range(given.playlists.n_rows):
        matches[playlist] = len(np.intersect1d(songs, given.playlists.row(playlist)))
    found = np.flatnonzero(matches)
    m = matches[found]
    gain = (1.0 - exploration) * np.log1p(m.astype(np.float64)) + exploration
    lengths = given.playlist_songs[found].astype(np.float64)
    scores = gain / (np.sqrt(float(given.user_songs[user])) * np.sqrt(lengths))
    lots = hash_pairs(seed, TIE, given.keys[user], given.pids[found]) >> np.uint64(32)
    order = np.lexsort((found, lengths, lots, -scores))
    found, m, scores = found[order], m[order], scores[order]
    n = len(found)
    n_liked = max(1, -(-n * rules.liked_per_mille // 1000)) if n else 0
    n_hard = -(-(n - n_liked) * rules.hard_per_mille // 1000)
    hard, easy = found[n_liked : n_liked + n_hard], found[n_liked + n_hard :]
    listed = np.concatenate([np.lexsort((found[:n_liked], -scores[:n_liked])), np.arange(n_liked, n)]).astype(np.int64)
    return UserScores(
        found[listed],
        m[listed],
        scores[listed],
        n_liked,
        n_hard,
        sample(hard, given, user, seed, HARD, rules.pool_size),
        sample(easy, given, user, seed, EASY, rules.pool_size),
    )


def sample(pool: np.ndarray, given: Given, user: int, seed: int, stream: int, wanted: int) -> np.ndarray:
    """The members of `pool` with the smallest hashes, ascending."""
    hashes = hash_pairs(seed, stream, given.keys[user], given.pids[pool])
    return np.sort(pool[np.argsort(hashes)[:wanted]])

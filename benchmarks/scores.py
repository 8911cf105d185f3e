"""Scoring users against playlists: the fused kernel beside scipy's sparse product with a partition of every row."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sparse

from benchmarks.measure import Contender, Report, side_by_side
from benchmarks.synthetic_libraries import SyntheticLibraries
from buddies_assets.systems.playlists.scoring.exploration import exploration_coefficients
from buddies_assets.systems.playlists.scoring.playlist_index import index_playlists
from buddies_assets.systems.playlists.scoring.score import ScoreShard, ScoringRules, score_shard
from buddies_core.interactions.csr import Library

SEED = 1
OUR_USERS = {"small": 10_000, "tenth": 5_000, "full": 5_000}
PEER_USERS = 600
_PEER_CHUNK = 200


class DifferentResultsError(AssertionError):
    """Two systems that were to compute the same thing did not."""


def run(scale: str) -> Report:
    """Pairs a second, users against all playlists of the scale; the peer takes a part of the users."""
    libraries = SyntheticLibraries.at(scale)
    n_users = OUR_USERS[scale]
    users, playlists = libraries.users(n_users), libraries.playlists()
    keys = np.arange(n_users, dtype=np.uint64)
    exploration = exploration_coefficients(keys, SEED)
    index = index_playlists(playlists, np.arange(playlists.n_rows), playlists.lengths)

    def score(start: int, stop: int) -> ScoreShard:
        return score_shard(users, index, exploration, start, stop, keys=keys, songs=users.lengths, seed=SEED)

    def score_on_two_threads() -> None:
        cuts = np.linspace(0, n_users, 9).astype(int)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(score, cuts[:-1], cuts[1:]))

    peer = ScipyScores(users, playlists, exploration)
    ours, theirs = score(0, PEER_USERS), peer.score(0, PEER_USERS)
    _require_equal(ours, theirs)
    pairs = int(score(0, n_users).pairs.sum())
    peer_pairs = int(ours.pairs.sum())
    report = Report("scores")
    one, two, scipy_row = side_by_side(
        report,
        f"score, cut and sample, {n_users:,} users x {playlists.n_rows:,} playlists",
        "pairs",
        [
            Contender("buddies", lambda: score(0, n_users), pairs),
            Contender("buddies", score_on_two_threads, pairs, threads=2),
            Contender(f"scipy product + partition ({PEER_USERS} users)", lambda: peer.score(0, PEER_USERS), peer_pairs),
        ],
        rounds=5,
    )
    report.ratios = {"scores_vs_scipy": one.rate / scipy_row.rate, "scores_two_threads": two.rate / one.rate}
    hours = 1_019_318 * (pairs / n_users) / two.rate / 60
    by_cpu = ((scipy_row.cpu_seconds or np.nan) / peer_pairs) / ((one.cpu_seconds or np.nan) / pairs)
    report.notes.append(f"by processor time on one thread: {by_cpu:.2f} times scipy")
    report.notes.append(
        f"{pairs / n_users:,.0f} pairs a user; {1e9 / one.rate:.2f} ns a pair on one thread; "
        f"1,019,318 users at this rate: {hours:.0f} minutes on two threads"
    )
    return report


class ScipyScores:
    """The same result as it is usually computed: a sparse product by chunks of users, then every row partitioned."""

    def __init__(self, users: Library, playlists: Library, exploration: np.ndarray) -> None:
        def matrix(library: Library) -> sparse.csr_matrix:
            ones = np.ones(len(library.indices), np.float32)
            return sparse.csr_matrix(
                (ones, library.indices.astype(np.int32), library.indptr), (library.n_rows, library.n_columns)
            )

        self._users = matrix(users)
        self._songs = matrix(playlists).T.tocsr()
        self._exploration = exploration
        self._root_songs = np.sqrt(users.lengths.astype(np.float64))
        self._root_lengths = np.sqrt(playlists.lengths.astype(np.float64))
        self._log = np.log1p(np.arange(1 + playlists.lengths.max(), dtype=np.float64))

    def score(self, start: int, stop: int) -> list[tuple[np.ndarray, ...]]:
        """(liked playlists, liked scores, sample of hard, sample of easy) of each user."""
        rules = ScoringRules()
        generator = np.random.default_rng(SEED)
        results: list[tuple[np.ndarray, ...]] = []
        for first in range(start, stop, _PEER_CHUNK):
            last = min(first + _PEER_CHUNK, stop)
            product = self._users[first:last] @ self._songs
            for row in range(last - first):
                part = slice(product.indptr[row], product.indptr[row + 1])
                playlists, matches = product.indices[part], product.data[part].astype(np.int64)
                e = self._exploration[first + row]
                gain = (1.0 - e) * self._log + e
                scores = gain[matches] / (self._root_songs[first + row] * self._root_lengths[playlists])
                n = len(scores)
                if n == 0:
                    results.append((playlists, scores, playlists, playlists))
                    continue
                liked = max(1, -(-n * rules.liked_per_mille // 1000))
                hard = -(-(n - liked) * rules.hard_per_mille // 1000)
                cuts = [cut for cut in (liked - 1, liked + hard - 1) if cut < n]
                order = np.argpartition(-scores, cuts)
                best = order[:liked]
                best = best[np.argsort(-scores[best], kind="stable")]
                pools = playlists[order[liked : liked + hard]], playlists[order[liked + hard :]]
                samples = [
                    generator.choice(p, min(len(p), rules.pool_size), replace=False, shuffle=False) for p in pools
                ]
                results.append((playlists[best], scores[best], *samples))
        return results


def _require_equal(ours: ScoreShard, theirs: list[tuple[np.ndarray, ...]]) -> None:
    """Which of several equal scores is liked may differ (the peer breaks no ties); the scores may not."""
    scores = np.concatenate([result[1] for result in theirs]).astype(np.float32)
    if not np.array_equal(ours.liked_scores, scores):
        raise DifferentResultsError("the liked scores differ from those of scipy's product")

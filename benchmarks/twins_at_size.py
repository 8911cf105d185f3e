"""The two heavy kernels beside plain scipy on the libraries of a run: ratios that hold on any machine."""

from typing import Any

import numpy as np
import scipy.sparse as sparse

from benchmarks.measure import Contender, Report, side_by_side
from benchmarks.scores import ScipyScores
from buddies_assets.systems.playlists.pairing.nearest import NEAREST, index_users, nearest
from buddies_assets.systems.playlists.scoring.playlist_index import index_playlists
from buddies_assets.systems.playlists.scoring.score import score_shard
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

USERS, ROUNDS = 2_000, 5


def twin_ratios(settings: Settings) -> dict[str, float]:
    """Speed of each kernel over that of its scipy twin by processor time, one thread, the same users."""
    store = DatasetStore.at(settings.home)
    users, playlists = (load_library(store.open(f"{side}_library")) for side in ("user", "playlist"))
    exploration = store.open("exploration_coefficients").frame()["exploration"].to_numpy()
    keys, pids = (load_keys(store.open(f"{side}_library")) for side in ("user", "playlist"))
    # Both count the shared songs, which are those that the peer knows.
    index, peer = index_playlists(playlists, pids, playlists.lengths), ScipyScores(users, playlists, exploration)
    n = min(USERS, users.n_rows)
    report = Report("twins")
    known: dict[str, Any] = {"keys": keys, "songs": users.lengths, "seed": settings.seed}
    score = Contender("ours", lambda: score_shard(users, index, exploration, 0, n, **known), n)
    users_index, turned = index_users(users), _unit(users).T.tocsr()
    pair = Contender("ours", lambda: nearest(users, stop=n, index=users_index), n)
    rivals = {
        "scores_vs_scipy_twin": [score, Contender("scipy", lambda: peer.score(0, n), n)],
        "pairing_vs_scipy_twin": [pair, Contender("scipy", lambda: _nearest(users, turned, n), n)],
    }
    ratios = {}
    for name, contenders in rivals.items():
        ours, theirs = side_by_side(report, name, "users", contenders, rounds=ROUNDS)
        ratios[name] = (theirs.cpu_seconds or theirs.seconds) / (ours.cpu_seconds or ours.seconds)
    return ratios


def _unit(users: Library) -> sparse.csr_matrix:
    roots = np.repeat(np.sqrt(np.maximum(users.lengths, 1).astype(np.float64)), users.lengths)
    return sparse.csr_matrix(
        (1.0 / roots, users.indices.astype(np.int32), users.indptr), (users.n_rows, users.n_columns)
    )


def _nearest(users: Library, turned: sparse.csr_matrix, n: int) -> list[np.ndarray]:
    product = _unit(users.rows(0, n)) @ turned
    found = []
    for row in range(n):
        part = slice(product.indptr[row], product.indptr[row + 1])
        similarity, others = product.data[part], product.indices[part]
        best = np.argpartition(-similarity, min(NEAREST + 1, len(others) - 1))[: NEAREST + 1] if len(others) else others
        found.append(others[best[np.argsort(-similarity[best], kind="stable")]])
    return found

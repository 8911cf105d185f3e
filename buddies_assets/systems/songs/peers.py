"""Other people's recommenders, fitted on the same plays and judged beside ours: implicit, SANSA and RecTools.

Each is asked for at most `EACH` songs that the listener does not know. One that is not installed is left out and said:
`pip install implicit`; `pip install sansa "scikit-sparse<0.5"`, which is built with SuiteSparse's headers
(libsuitesparse-dev); `pip install --no-deps rectools`, since it asks for numpy below 2 and a fork of implicit.
"""

import logging
from collections.abc import Callable, Iterator
from importlib import import_module

import numpy as np
from scipy.sparse import csr_matrix

from buddies_assets.systems.songs.recommender import Material

ALS_PEER, SANSA_PEER, RECTOOLS_PEER = "implicit's ALS", "SANSA", "RecTools' two stages"
EACH = 500
_CANDIDATES = 100
"""Songs that each of RecTools' first stages proposes."""
Peer = Callable[..., np.ndarray]


def implicit_als(found: Material, rows: np.ndarray, *, seed: int) -> np.ndarray:
    """Songs of implicit's ALS with the reference's parameters, int [n, k]."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    known = csr_matrix(found.histories.known)
    with threadpool_limits(1, user_api="blas"):
        peer = AlternatingLeastSquares(factors=200, regularization=0.05, alpha=1.0, iterations=15, random_state=seed)
        peer.fit(known, show_progress=False)
        items, _ = peer.recommend(rows, known[rows], N=min(EACH, known.shape[1]), filter_already_liked_items=True)
    return np.asarray(items)


def sansa_ease(found: Material, rows: np.ndarray, *, seed: int) -> np.ndarray:
    """Songs of SANSA (Spišák et al., 2023), EASE by a sparse approximate inverse, with our EASE's penalty."""
    from sansa import SANSA, ICFGramianFactorizerConfig, SANSAConfig, UMRUnitLowerTriangleInverterConfig

    logging.getLogger("sansa").setLevel(logging.WARNING)
    known = csr_matrix(found.histories.known)
    density = min(1.0, 200 / known.shape[1])
    config = SANSAConfig(
        l2=150.0, weight_matrix_density=density, gramian_factorizer_config=ICFGramianFactorizerConfig(),
        lower_triangle_inverter_config=UMRUnitLowerTriangleInverterConfig(),
    )  # fmt: skip
    model = SANSA(config).fit(known)
    items, _ = model.recommend(known[rows], k=min(EACH, known.shape[1]), mask_input=True)
    return _without_known(np.asarray(items), known, rows)


def rectools_two_stages(found: Material, rows: np.ndarray, *, seed: int) -> np.ndarray:
    """Songs of RecTools' `CandidateRankingModel`: the best of ALS, item neighbours and popularity, ranked by CatBoost.

    A fifth of the plays by lot is what its ranker learns from, or the last of them where plays have dates.
    """
    import pandas as pd
    from catboost import CatBoostClassifier
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import TFIDFRecommender
    from rectools.dataset import Dataset
    from rectools.model_selection import RandomSplitter, TimeRangeSplitter
    from rectools.models import ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel, PopularModel
    from rectools.models.ranking import CandidateGenerator, CandidateRankingModel, CatBoostReranker

    known = found.histories.known
    listener = np.repeat(np.arange(known.shape[0]), found.histories.lengths)
    ages = np.zeros(known.nnz) if found.histories.met is None else found.histories.met
    when = pd.Timestamp("2020-01-01") - pd.to_timedelta(ages, unit="D")
    plays = pd.DataFrame({"user_id": listener, "item_id": known.indices, "weight": 1.0, "datetime": when})
    dataset = Dataset.construct(plays)
    als = AlternatingLeastSquares(factors=64, regularization=0.05, alpha=8.0, iterations=15, random_state=seed)
    first = [ImplicitALSWrapperModel(als), ImplicitItemKNNWrapperModel(TFIDFRecommender(K=200)), PopularModel()]
    last = f"{max(round(float(np.quantile(ages, 0.2))), 1)}D"
    splitter = (
        RandomSplitter(0.2, random_state=seed, n_splits=1)
        if found.histories.met is None
        else TimeRangeSplitter(last, n_splits=1)
    )
    model = CandidateRankingModel(
        [CandidateGenerator(one, _CANDIDATES, keep_ranks=True, keep_scores=True) for one in first],
        splitter,
        CatBoostReranker(CatBoostClassifier(random_seed=seed, verbose=False, allow_writing_files=False)),
    )
    model.fit(dataset)
    told = model.recommend(rows, dataset, k=min(EACH, len(first) * _CANDIDATES), filter_viewed=True)
    songs = np.full((len(rows), EACH), -1, np.int64)
    place = {row: at for at, row in enumerate(rows.tolist())}
    for user, mine in told.sort_values("rank").groupby("user_id")["item_id"]:
        songs[place[user], : len(mine)] = mine.to_numpy()
    return songs


PEERS: dict[str, tuple[str, Peer]] = {
    ALS_PEER: ("implicit", implicit_als),
    SANSA_PEER: ("sansa", sansa_ease),
    RECTOOLS_PEER: ("rectools.models.ranking", rectools_two_stages),
}
"""By name: the module that must be there, and who is asked."""


def peers_there() -> Iterator[tuple[str, Peer]]:
    """The peers that are installed."""
    missing = peers_missing()
    return ((name, ask) for name, (_, ask) in PEERS.items() if name not in missing)


def peers_missing() -> dict[str, str]:
    """Why each other one is left out."""
    found = {}
    for name, (module, _) in PEERS.items():
        try:
            import_module(module)
        except ImportError as error:
            found[name] = str(error)
    return found


def _without_known(songs: np.ndarray, known: csr_matrix, rows: np.ndarray) -> np.ndarray:
    """Lists in which what the listener knows is -1."""
    found = songs.astype(np.int64)
    for at, row in enumerate(rows.tolist()):
        mine = known.indices[known.indptr[row] : known.indptr[row + 1]]
        found[at, np.isin(found[at], mine)] = -1
    return found

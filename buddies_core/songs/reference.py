"""The reference's recipe as written, to be beaten: the best of ALS, BPR, Item2Item and the popular songs, then trees.

Base scores enter the trees as fitted (a source that did not name a song leaves its score missing), the target part is
the last that a listener met, listeners without a hit in it are dropped, and five others a listener are the negatives.
"""

from typing import Self

import numpy as np
from scipy.sparse import csr_array

from buddies_core.kernels.randomness import SONG_HIDDEN, SONG_THIN, uniform
from buddies_core.recommenders.bpr_factors import BprConfig, BprFactors
from buddies_core.recommenders.item2item import Item2Item, Item2ItemConfig
from buddies_core.recommenders.popular import Popular
from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.weighted_als import AlsConfig, WeightedAls
from buddies_core.songs.facts import SongFacts
from buddies_core.songs.histories import Histories
from buddies_core.songs.lists import SongLists

_TARGET, _NEGATIVES, _AT_ONCE = 0.2, 5, 128


class ReferenceRecipe:
    """Sources and a classifier.

    Args:
        each: songs a source; the reference takes ten.
    """

    def __init__(self, *, each: int = 10, factors: int = 200, trees: int = 200, seed: int = 0) -> None:
        self.each, self.factors, self.trees, self.seed = each, factors, trees, seed
        self.models: list[Recommender] = []
        self.song: np.ndarray
        self._trees: object = None

    def fit(self, histories: Histories, facts: SongFacts, user_hashes: np.ndarray, song_hashes: np.ndarray) -> Self:
        """Learn from plays and facts."""
        from catboost import CatBoostClassifier

        known = histories.known
        row = np.repeat(np.arange(known.shape[0]), histories.lengths)
        draws = uniform(self.seed, SONG_HIDDEN, user_hashes[row], song_hashes[known.indices])
        if histories.met is not None:
            draws = histories.met / max(float(histories.met.max()), 1e-9)
        target = histories.only(draws < _TARGET)
        self._fit_sources(histories.only(draws >= _TARGET).plays, facts)
        rows, hits = [], []
        for first in range(0, known.shape[0], _AT_ONCE):
            some = np.arange(first, min(first + _AT_ONCE, known.shape[0]))
            seen = histories.only(draws >= _TARGET).of(some)
            wanted = target.of(some).known.toarray() > 0
            for at, songs, features in self._named(seen):
                hit = wanted[at, songs]
                if not hit.any():
                    continue
                others = np.flatnonzero(~hit)
                order = np.argsort(uniform(self.seed, SONG_THIN, user_hashes[some[at]], song_hashes[songs[others]]))
                kept = np.concatenate([np.flatnonzero(hit), others[order[:_NEGATIVES]]])
                rows.append(features[kept])
                hits.append(hit[kept])
        if rows and 0 < np.concatenate(hits).mean() < 1:
            self._trees = CatBoostClassifier(
                iterations=self.trees, auto_class_weights="Balanced", loss_function="Logloss", random_seed=self.seed,
                verbose=False, allow_writing_files=False, thread_count=1,
            ).fit(np.concatenate(rows), np.concatenate(hits).astype(int))  # fmt: skip
        self._fit_sources(known, facts)
        return self

    def _fit_sources(self, plays: csr_array, facts: SongFacts) -> None:
        rows = csr_array((np.ones(plays.nnz, np.float32), plays.indices, plays.indptr), shape=plays.shape)
        described = facts.descriptions()
        self.models = [
            WeightedAls(AlsConfig(factors=self.factors, alpha=1.0, ridge=0.05, sweeps=15)).fit(rows),
            BprFactors(BprConfig(factors=self.factors, rate=0.05, l2=1e-4, epochs=50)).fit(rows),
            Item2Item(Item2ItemConfig(factors=100)).fit(rows, described if described.nnz else None),
            Popular().fit(rows),
        ]
        self.song = np.log1p(np.bincount(rows.indices, minlength=rows.shape[1])).astype(np.float32)

    def _named(self, histories: Histories):  # type: ignore[no-untyped-def]
        """Of each listener the songs that a source names and their features."""
        known = histories.known.toarray() > 0
        scores = [np.where(known, -np.inf, model.scores(histories.known)) for model in self.models]
        best = [np.argsort(-values, axis=1, kind="stable")[:, : self.each] for values in scores]
        for at, length in enumerate(histories.lengths.tolist()):
            songs = np.unique(np.concatenate([places[at] for places in best]))
            songs = songs[~known[at, songs]]
            columns = [np.where(np.isin(songs, b[at]), v[at, songs], np.nan) for b, v in zip(best, scores, strict=True)]
            columns += [self.song[songs], np.full(len(songs), np.log1p(length))]
            yield at, songs, np.stack(columns, axis=1).astype(np.float32)

    def lists(self, histories: Histories, k: int) -> SongLists:
        """The songs that sources name, by the classifier's probability; fewer than k where sources name fewer."""
        n = histories.plays.shape[0]
        songs, chances = np.full((n, k), -1, np.int32), np.zeros((n, k), np.float32)
        for first in range(0, n, _AT_ONCE):
            some = np.arange(first, min(first + _AT_ONCE, n))
            for at, named, features in self._named(histories.of(some)):
                values = features[:, -2] if self._trees is None else self._trees.predict_proba(features)[:, 1]  # type: ignore[attr-defined]
                order = np.argsort(-values, kind="stable")[:k]
                songs[some[at], : len(order)] = named[order]
                chances[some[at], : len(order)] = values[order]
        return SongLists(songs, chances)

"""How links are told and how playlists are continued, each model beside popularity and ALS.

AUC alone misleads: one negative a positive never asks for the 500 best of a hundred thousand. So beside it stands the
R-precision of continuing playlists that training has not seen, from 1, 10 and 25 of their songs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_core.graph.link_metrics import auc, best_threshold, quality
from buddies_core.graph.links import Links
from buddies_core.graph.sage import PlaylistGraph, SageModel, link_scores
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.metrics import interval
from buddies_core.sequences.query import Query
from buddies_core.sequences.tasks import SEEDS_OF_LINKS, seed_questions

PairScorer = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Logits of pairs, from playlists and songs."""
Continuer = Callable[[Query], np.ndarray]
"""Scores of every song, for a playlist as it stands."""


def link_table(systems: Mapping[str, PairScorer], validation: Links, test: Links, *, seed: int = 0) -> pl.DataFrame:
    """One row a system: AUC, precision, recall, F1, loss against even negatives, and against equally popular ones.

    `auc_edge` and `matched_auc_edge` are of the positives whose song has a train edge, `auc_edgeless` of the others.
    Thresholds are chosen on validation. `auc_low` and `auc_high` are 95 %, bootstrap over playlists.
    """
    rows = []
    there = test.degree > 0
    for name, score in systems.items():
        right = score(test.playlists, test.songs)
        row: dict[str, object] = {"system": name}
        for kind, prefix in (("uniform", ""), ("matched", "matched_")):
            drawn, judged = getattr(test, kind), getattr(validation, kind)
            wrong = score(test.playlists[drawn >= 0], drawn[drawn >= 0])
            threshold = best_threshold(
                score(validation.playlists, validation.songs),
                score(validation.playlists[judged >= 0], judged[judged >= 0]),
            )
            found = quality(right, wrong, threshold)
            row |= {f"{prefix}{figure}": getattr(found, figure) for figure in ("auc", "precision", "recall", "f1")}
            row[f"{prefix}auc_edge"] = auc(right[there], wrong)
            row[f"{prefix}auc_edgeless"] = auc(right[~there], wrong)
            above = _above(right, wrong)
            row[f"{prefix}auc_low"], row[f"{prefix}auc_high"] = interval(above, test.playlists, seed=seed)
        rows.append(row)
    return pl.DataFrame(rows)


def _above(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Share of the negatives below each positive, ties by half; its mean is the AUC."""
    order = np.sort(negatives)
    below, through = (np.searchsorted(order, positives, side=side) for side in ("left", "right"))
    return (below + through) / 2 / max(len(negatives), 1)


def continuation_table(systems: Mapping[str, Continuer], unseen: Sequences, *, seed: int, of_each: int) -> pl.DataFrame:
    """One row a system and number of seeds: `system, seeds, queries, r_precision, low, high`."""
    rows = []
    for seeds in SEEDS_OF_LINKS:
        questions = seed_questions(unseen, seeds, seed=seed, of_each=of_each)
        for name, scores_of in systems.items():
            found = []
            for question in questions:
                scores = scores_of(question.query).copy()
                shown = question.query.songs[question.query.songs < len(scores)]
                scores[shown] = -np.inf
                most = min(len(question.right), len(scores) - 1)
                found.append(np.isin(np.argpartition(-scores, most)[:most], question.right).sum() / len(question.right))
            values = np.array(found)
            groups = np.array([question.playlist for question in questions])
            low, high = interval(values, groups, seed=seed) if len(values) else (0.0, 0.0)
            rows.append((name, seeds, len(values), float(values.mean()) if len(values) else 0.0, low, high))
    names = ("system", "seeds", "queries", "r_precision", "low", "high")
    return pl.DataFrame(rows, schema=names, orient="row")


@dataclass(frozen=True)
class AlsBaseline:
    """ALS of playlists by songs, as a scorer of pairs and of whole playlists."""

    playlists: np.ndarray
    songs: np.ndarray
    gram: np.ndarray
    alpha: float

    @classmethod
    def fit(cls, graph: PlaylistGraph, *, alpha: float = 40.0, l2: float = 10.0, seed: int = 0) -> "AlsBaseline":
        """64 columns, eight sweeps."""
        cells = Library.from_parts([(graph.owner, graph.songs)], graph.n_playlists, graph.n_songs)
        config = TrainingConfig(dimension=64, als_alpha=alpha, als_l2=l2, als_iterations=8, threads=1, seed=seed)
        found = als_factors(cells, config)
        songs = np.ascontiguousarray(found.playlists[:, :64])
        gram = songs.T @ songs + np.float32(l2) * np.eye(64, dtype=np.float32)
        return cls(np.ascontiguousarray(found.users[:, :64]), songs, gram, alpha)

    def pairs(self, playlists: np.ndarray, songs: np.ndarray) -> np.ndarray:
        """Products of both factors."""
        return np.einsum("ij,ij->i", self.playlists[playlists], self.songs[songs])

    def scores(self, query: Query) -> np.ndarray:
        """Of every song, by folding the playlist in."""
        held = self.songs[query.songs[query.songs < len(self.songs)]]
        system = self.gram + np.float32(self.alpha) * held.T @ held
        return self.songs @ np.linalg.solve(system, (1 + self.alpha) * held.sum(0)).astype(np.float32)


def sage_scorers(model: SageModel, graph: PlaylistGraph) -> tuple[PairScorer, Continuer]:
    """GraphSAGE as a scorer of pairs and of whole playlists."""
    return (
        lambda playlists, songs: link_scores(model, graph, playlists, songs),
        lambda query: model.all_scores(query.songs, query.artists),
    )

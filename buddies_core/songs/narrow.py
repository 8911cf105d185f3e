"""Candidates of many songs: only those that some source names are scored, by every source.

`candidates.propose` scores every song for every listener, which grows with listeners x songs. Here sources of
neighbours name their best from sparse rows, the popular songs come from one order, and sources of factors name none but
score what the others name. A score is standardised over all songs as there: mean and deviation of a product of factors
follow from the items' mean and their Gram matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.narrow import FactorScorer, SparseScorer
from buddies_core.recommenders.popular import Popular
from buddies_core.recommenders.protocol import Recommender
from buddies_core.songs import narrow_kernels as kernels
from buddies_core.songs.candidates import BLEND_AHEAD, Proposed
from buddies_core.songs.histories import Histories
from buddies_core.songs.source_list import SongSource

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
Pattern = tuple[np.ndarray, np.ndarray]
_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Scored:
    """What a source says of n listeners.

    Attributes:
        songs: int32 [n, count], its best; None of factors.
        mean, deviation: float64 [n], of its scores over the songs not known.
        rows: CSR arrays of its scores, or factors of listeners and items.
    """

    songs: np.ndarray | None
    mean: np.ndarray
    deviation: np.ndarray
    rows: Rows | tuple[np.ndarray, np.ndarray]

    def at(self, songs: np.ndarray, n_songs: int) -> np.ndarray:
        """Standardised scores of some songs, float32 as `songs` [n, c]; a constant source says 0."""
        if len(self.rows) == 3:
            found = kernels.sparse_at(self.rows, n_songs, songs)
        else:
            found = kernels.factors_at(*self.rows, songs)
        flat = self.deviation <= _FLAT * np.maximum(np.abs(self.mean), 1e-30)
        scale = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, self.deviation))
        return ((found - self.mean[:, None]) * scale[:, None]).astype(np.float32)


class NarrowSource:
    """A fitted source that need not score every song, with what does not hang on who asks."""

    def __init__(self, source: SongSource, model: SparseScorer | FactorScorer, n_songs: int) -> None:
        self.source, self.model, self.n_songs = source, model, n_songs
        self.order: np.ndarray | None = None
        if isinstance(model, FactorScorer):
            self.items = np.ascontiguousarray(model.item_factors(), np.float32)
            wide = self.items.astype(np.float64)
            self.mean, self.gram = wide.mean(axis=0), wide.T @ wide / max(len(wide), 1)
        if isinstance(model, Popular):
            by_popularity = np.argsort(-model.popularity, kind="stable")
            self.order = by_popularity[model.popularity[by_popularity] > 0].astype(np.int64)

    def asked(self, rows: csr_array, known: Pattern, away: Pattern, count: int) -> Scored:
        """What it says of histories: its best that are not away."""
        if isinstance(self.model, FactorScorer):
            left = self.model.listener_factors(rows)
            wide = left.astype(np.float64)
            sums = kernels.sums_of_known(left, self.items, known)
            left_over = np.maximum(self.n_songs - np.diff(known[0]), 1)
            total = self.n_songs * (wide @ self.mean) - sums[:, 0]
            squares = self.n_songs * np.einsum("ij,jk,ik->i", wide, self.gram, wide, optimize=True) - sums[:, 1]
            mean = total / left_over
            deviation = np.sqrt(np.maximum(squares / left_over - mean**2, 0.0))
            best = None if self.order is None else kernels.first_open(self.order, away, self.n_songs, count)
            return Scored(best, mean, deviation, (left, self.items))
        scores = self.model.sparse_scores(rows)
        found = (scores.indptr.astype(np.int64), scores.indices.astype(np.int32), scores.data.astype(np.float32))
        best, mean, deviation = kernels.best_of_sparse(found, known, away, self.n_songs, count)
        return Scored(best, mean, deviation, found)


def narrowed(models: Sequence[tuple[SongSource, Recommender]]) -> list[NarrowSource]:
    """The sources; all of them must be `SparseScorer`s or `FactorScorer`s."""
    return [NarrowSource(source, model, model.n_items) for source, model in models]  # type: ignore[arg-type]


def propose_narrow(
    sources: Sequence[NarrowSource], histories: Histories, most: int, *,
    half_life: float, barred: csr_array | None = None,
) -> Proposed:  # fmt: skip
    """`candidates.propose` of what sources of neighbours name; a row with fewer songs is filled with barred ones.

    The blend's own list is that of the union alone: a song that no source has among its best `most` is no candidate.
    """
    rows = histories.weights(half_life)
    known = _pattern(rows)
    away = known if barred is None else _pattern((histories.known + barred).tocsr())
    said = [source.asked(rows, known, away, most) for source in sources]
    n_songs = histories.plays.shape[1]
    lists = np.stack([one.songs for one in said if one.songs is not None], axis=1)
    songs, place = kernels.united(lists, n_songs)
    width = max(int((songs >= 0).sum(axis=1).max(initial=0)), 1)
    songs, place = songs[:, :width], place[:, :width]
    scores = {source.source.name: one.at(songs, n_songs) for source, one in zip(sources, said, strict=True)}
    blend = np.zeros(songs.shape, np.float32)
    for source in sources:
        blend += np.float32(source.source.source.weight) * scores[source.source.name]
    blend[songs < 0] = -np.inf
    kept = kernels.entered(place, blend, most, np.float32(BLEND_AHEAD))
    chosen = np.take_along_axis(songs, kept, axis=1).astype(np.int64)
    of_songs = {name: np.take_along_axis(values, kept, axis=1) for name, values in scores.items()}
    return Proposed(np.maximum(chosen, 0), of_songs, np.take_along_axis(blend, kept, axis=1))


def _pattern(rows: csr_array) -> Pattern:
    return rows.indptr.astype(np.int64), rows.indices.astype(np.int64)

"""Songs like each song, as they are served: merged from several sources, and of each of them."""

import numpy as np
from scipy.sparse import csr_array

from buddies_assets.systems.songs.recommender import Material
from buddies_core.artifact.served_songs import NEAREST, NEAREST_OF_SOURCE
from buddies_core.kernels.greatest import greatest_columns
from buddies_core.recommenders.bpr_factors import BprFactors
from buddies_core.recommenders.item2item import nearest_vectors
from buddies_core.recommenders.item_knn import ItemKnn
from buddies_core.recommenders.narrow import FactorScorer
from buddies_core.recommenders.protocol import Recommender
from buddies_core.songs.lists import Groups
from buddies_core.songs.model import SongsModel
from buddies_core.songs.narrow_kernels import best_of_sparse, factors_at, sparse_at
from buddies_core.songs.source_list import SongSource

ALIKE = ("ALS", "BPR", "item neighbours", "Item2Item")
"""Sources whose neighbours are served one by one, for a round robin."""
_AT_ONCE = 256


def neighbours(model: SongsModel, found: Material) -> dict[str, np.ndarray]:
    """Songs like each song: merged by the mean of the sources' likenesses to its nearest, and of each source."""
    similar, scores, by_source = (_by_nearest if model.config.narrow else _by_all_scores)(model, found)
    return {
        "similar": similar,
        "similar_scores": scores * _scale(found, similar, scores),
        "similar_by_source": by_source,
    }


def alike_sources(model: SongsModel) -> list[tuple[SongSource, Recommender]]:
    return [(source, fitted) for source, fitted in model.models if source.name in ALIKE]


def _by_all_scores(model: SongsModel, found: Material) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`similar`, their likenesses and `by_source`, from the likeness of every two songs."""
    n = found.facts.n_songs
    similar, scores = np.full((n, NEAREST), -1, np.int32), np.zeros((n, NEAREST), np.float32)
    alike = alike_sources(model)
    by_source = np.full((len(alike), n, NEAREST_OF_SOURCE), -1, np.int32)
    for first in range(0, n, _AT_ONCE):
        songs = np.arange(first, min(first + _AT_ONCE, n))
        total = np.zeros((len(songs), n), np.float32)
        for place, (_, fitted) in enumerate(alike):
            values = fitted.similar(songs)
            values[np.arange(len(songs)), songs] = -np.inf
            best = _best(values, NEAREST_OF_SOURCE)
            by_source[place, songs, : best.shape[1]] = best
            values[np.arange(len(songs)), songs] = 0.0
            total += values / np.maximum(values.max(axis=1, keepdims=True), 1e-6) / max(len(alike), 1)
        total[np.arange(len(songs)), songs] = -np.inf
        if found.groups is not None:
            same = (found.groups[songs][:, None] == found.groups) & (found.groups[songs][:, None] >= 0)
            total[same] = -np.inf
        best = _best(total, NEAREST)
        values = np.take_along_axis(total, best, axis=1)
        kept = np.isfinite(values) & (values > 0)
        similar[songs, : best.shape[1]] = np.where(kept, best, -1)
        scores[songs, : best.shape[1]] = np.where(kept, values, 0.0)
    return similar, scores, by_source


def _by_nearest(model: SongsModel, found: Material) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from the `NEAREST` of each source alone, so that nothing grows with songs x songs."""
    n = found.facts.n_songs
    similar, scores = np.full((n, NEAREST), -1, np.int32), np.zeros((n, NEAREST), np.float32)
    alike = alike_sources(model)
    by_source = np.full((len(alike), n, NEAREST_OF_SOURCE), -1, np.int32)
    near = [_nearest_of(fitted, NEAREST) for _, fitted in alike]
    for place, (songs, _) in enumerate(near):
        by_source[place, :, : songs.shape[1]] = songs[:, :NEAREST_OF_SOURCE]
    groups = Groups.of(found.groups)
    for first in range(0, n, _AT_ONCE):
        rows = np.arange(first, min(first + _AT_ONCE, n))
        total = csr_array((len(rows), n), dtype=np.float32)
        for songs, values in near:
            mine = songs[rows]
            of_row, column = np.nonzero(mine >= 0)
            weight = values[rows] / np.maximum(values[rows].max(axis=1, keepdims=True, initial=0.0), 1e-6) / len(near)
            cells = (weight[of_row, column].astype(np.float32), (of_row, mine[of_row, column]))
            total = total + csr_array(cells, shape=total.shape)
        total = total.tocsr()
        held = (total.indptr.astype(np.int64), total.indices.astype(np.int32), total.data.astype(np.float32))
        away = _same_text(rows, groups)
        none = (np.zeros(len(rows) + 1, np.int64), np.empty(0, np.int64))
        best, _, _ = best_of_sparse(held, none, away, n, NEAREST)
        similar[rows], scores[rows] = best, sparse_at(held, n, best)
    return similar, np.where(similar >= 0, scores, 0.0).astype(np.float32), by_source


def _same_text(rows: np.ndarray, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Each song and those of its text, as the pattern of a CSR matrix; the song itself may be there twice."""
    songs, lengths = groups.with_members(groups.of_song[rows])
    stops = np.cumsum(lengths)
    return np.concatenate([[0], stops + np.arange(1, len(rows) + 1)]), np.insert(songs, stops, rows)


def _nearest_of(fitted: Recommender, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest others of every song and their likenesses, int64 and float32 [n, count]; -1 where there are fewer."""
    if isinstance(fitted, ItemKnn):
        held = fitted.similarities
        rows = (held.indptr.astype(np.int64), held.indices.astype(np.int32), held.data.astype(np.float32))
        none = (np.zeros(fitted.n_items + 1, np.int64), np.empty(0, np.int64))
        songs = best_of_sparse(rows, none, none, fitted.n_items, count)[0]
        return songs.astype(np.int64), sparse_at(rows, fitted.n_items, songs)
    assert isinstance(fitted, FactorScorer)
    vectors = fitted.items if isinstance(fitted, BprFactors) else fitted.item_factors()
    unit = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    songs = nearest_vectors(unit, np.arange(len(unit)), count)
    return songs, np.maximum(factors_at(unit, unit, songs), 0.0)


def _scale(found: Material, similar: np.ndarray, scores: np.ndarray) -> np.float32:
    """What turns a likeness into a chance: of who has a song, the share with its neighbour, per unit of likeness."""
    known = found.histories.known.tocsc()
    rng = np.random.default_rng(0)
    able = np.flatnonzero((np.diff(known.indptr) > 1) & (similar[:, 0] >= 0))
    both = weight = 0.0
    for song in rng.choice(able, min(len(able), 500), replace=False).tolist() if len(able) else []:
        mine = known.indices[known.indptr[song] : known.indptr[song + 1]]
        near = similar[song][similar[song] >= 0][:20]
        for place, other in enumerate(near.tolist()):
            theirs = known.indices[known.indptr[other] : known.indptr[other + 1]]
            both += len(np.intersect1d(mine, theirs)) / len(mine)
            weight += float(scores[song, place])
    return np.float32(min(both / weight, 1.0) if weight else 1.0)


def _best(values: np.ndarray, count: int) -> np.ndarray:
    """The highest of each row but for one (the song itself), best first; equal ones by place."""
    count = min(count, values.shape[1] - 1)
    return (
        greatest_columns(values.astype(np.float32, copy=False), count)
        if count
        else np.empty((len(values), 0), np.int64)
    )

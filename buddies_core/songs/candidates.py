"""Candidates of listeners: the best songs of every source, none of them known, and no more than the ranker may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.standardised import known_items, standardised
from buddies_core.songs.histories import Histories
from buddies_core.songs.source_list import SongSource
from buddies_core.songs.sources import scored

BLEND_AHEAD = 2.0
"""How much further down the blend's own list is followed than a source's."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """Candidates of n listeners.

    Attributes:
        songs: int64 [n, c], by falling score of the blend; none is known unless a listener knows nearly all.
        scores: by source, float32 [n, c], standardised over all songs that the listener does not know.
        blend: float32 [n, c], their weighted sum; minus infinity where the song is known or barred.
    """

    songs: np.ndarray
    scores: Mapping[str, np.ndarray]
    blend: np.ndarray


def propose(
    models: Sequence[tuple[SongSource, Recommender]],
    histories: Histories,
    most: int,
    *,
    half_life: float,
    barred: csr_array | None = None,
) -> Proposed:
    """The union of the sources' best songs, cut at `most`: a song enters by its best place in any source.

    Args:
        barred: [n, n_songs], songs that must not be proposed beside those that are known.
    """
    rows = histories.weights(half_life)
    known = known_items(rows)
    scores = {name: standardised(values, known) for name, values in scored(models, rows).items()}
    blend = np.zeros(known.shape, np.float32)
    for source, _ in models:
        blend += np.float32(source.source.weight) * scores[source.name]
    away = known if barred is None else known | known_items(barred)
    blend[away] = -np.inf
    count = min(most, known.shape[1])
    place = best_places(blend, count) / np.float32(BLEND_AHEAD)
    for values in scores.values():
        np.minimum(place, best_places(named(values, away), count), out=place)
    order = np.lexsort((-blend, place), axis=1) if count < known.shape[1] else np.argsort(-blend, axis=1, kind="stable")
    songs = order[:, :count]
    by_blend = np.argsort(-np.take_along_axis(blend, songs, axis=1), axis=1, kind="stable")
    songs = np.take_along_axis(songs, by_blend, axis=1)
    of_songs = {name: np.take_along_axis(values, songs, axis=1) for name, values in scores.items()}
    return Proposed(songs, of_songs, np.take_along_axis(blend, songs, axis=1))


def named(scores: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Scores of what a source names, minus infinity for what is away and for what it says the least of.

    A source that knows nothing of most songs has one score for all of them: they are no candidates of its.
    """
    left = np.where(away, np.inf, scores)
    return np.where(away | (left <= left.min(axis=1, keepdims=True)), -np.inf, scores)


def best_places(scores: np.ndarray, count: int) -> np.ndarray:
    """Place of each of the `count` highest finite scores in its row, float32 [n, n_songs], 0 the best, or infinity."""
    found = np.full(scores.shape, np.inf, np.float32)
    count = min(count, scores.shape[1])
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    best.sort(axis=1)
    values = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    places = np.where(
        np.isfinite(np.take_along_axis(values, order, axis=1)), np.arange(count, dtype=np.float32), np.inf
    )
    np.put_along_axis(found, np.take_along_axis(best, order, axis=1), places.astype(np.float32), axis=1)
    return found

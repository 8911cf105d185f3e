"""Candidates of the folds, beside what was hidden: what trees learn from, and how they are judged out of fold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from buddies_core.kernels.randomness import SONG_THIN, uniform
from buddies_core.songs.histories import Histories
from buddies_core.songs.lessons import Fold
from buddies_core.songs.mixing import row_standard
from buddies_core.songs.trees import Lesson

if TYPE_CHECKING:
    from buddies_core.songs.model import SongsModel

AT_ONCE = 128
"""Listeners whose songs are laid out together."""


@dataclass
class Judged:
    """Candidates of one fold: what trees learn from, and how each list was ranked by trees of other folds."""

    lesson: Lesson
    known: list[int]
    hidden: list[int]
    blend: np.ndarray
    sources: list[str]
    found: int
    asked: int
    margins: dict[str, np.ndarray] = field(default_factory=dict)

    def lists(self) -> Iterator["JudgedList"]:
        """Each listener's candidates, standardised scores by what ranked."""
        stops = np.cumsum(self.lesson.lists)
        for known, hidden, first, stop in zip(self.known, self.hidden, stops - self.lesson.lists, stops, strict=True):
            mine = slice(int(first), int(stop))
            values = {"blend": self.blend[mine], **{kind: margins[mine] for kind, margins in self.margins.items()}}
            values |= {name: self.lesson.features[mine, 2 * place] for place, name in enumerate(self.sources)}
            scores = {name: row_standard(value[None])[0] for name, value in values.items()}
            yield JudgedList(scores, self.lesson.hits[mine], self.lesson.weights[mine], known, hidden)


@dataclass(frozen=True, slots=True)
class JudgedList:
    """One listener of a fold: `scores` by what ranked, `hits` among the candidates, songs `known` and `hidden`."""

    scores: dict[str, np.ndarray]
    hits: np.ndarray
    weights: np.ndarray
    known: int
    hidden: int


def judged(model: "SongsModel", fold: Fold, user_hashes: np.ndarray, song_hashes: np.ndarray) -> Judged:
    """The candidates of a fold's listeners; those without a hit teach no order and are left out."""
    config = model.config
    features, hits, weights, lists, known, hidden, blends = [], [], [], [], [], [], []
    found = asked = 0
    for first in range(0, len(fold.listeners), AT_ONCE):
        rows = fold.listeners[first : first + AT_ONCE]
        mine = fold.seen.of(rows)
        proposed = model.proposed(mine)
        wanted = fold.hidden.of(rows)
        played = np.array(
            [np.isin(songs, hid) for songs, hid in zip(proposed.songs, _songs_by_row(wanted), strict=True)]
        )
        blend = proposed.blend
        played &= np.isfinite(blend)
        found, asked = found + int(played.sum()), asked + int(wanted.lengths.sum())
        values = model.features(mine, proposed)
        draws = uniform(config.seed, SONG_THIN, user_hashes[rows][:, None], song_hashes[proposed.songs])
        best = np.arange(played.shape[1])[None] < config.all_of_best
        kept = np.isfinite(blend) & (best | played | (draws < 1.0 / config.thin))
        weight = np.where(best | played, 1.0, config.thin)
        for at in np.flatnonzero(played.any(axis=1)).tolist():
            mask = kept[at]
            features.append(values[at, mask])
            hits.append(played[at, mask])
            weights.append(weight[at, mask])
            blends.append(blend[at, mask])
            lists.append(int(mask.sum()))
            known.append(int(mine.lengths[at]))
            hidden.append(int(wanted.lengths[at]))
    width, names = len(model.feature_names), [source.name for source, _ in model.models]
    lesson = Lesson(
        np.concatenate([np.empty((0, width), np.float32), *features]),
        np.concatenate([np.empty(0, bool), *hits]),
        np.concatenate([np.empty(0), *weights]).astype(np.float32),
        np.array(lists, np.int64),
    )
    return Judged(lesson, known, hidden, np.concatenate([np.empty(0, np.float32), *blends]), names, found, asked)


def _songs_by_row(histories: Histories) -> list[np.ndarray]:
    return np.split(histories.plays.indices, histories.plays.indptr[1:-1])

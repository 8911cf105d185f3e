"""The songs recommender: sources, features, and rankers that learnt out of fold; lists for any history.

Rankers are cross-fitted: the candidates of each fold are judged by trees that saw the other folds alone, which is how
the kinds of trees are compared and how scores become chances. What is served is the mean of all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.kernels.randomness import SONG_THIN, uniform
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.protocol import Recommender
from buddies_core.songs.calibration import Calibration
from buddies_core.songs.candidates import Proposed, propose
from buddies_core.songs.facts import SongFacts
from buddies_core.songs.features import FeatureWorld, candidate_features, features_of
from buddies_core.songs.histories import Histories
from buddies_core.songs.lessons import Fold, folds
from buddies_core.songs.mixing import Mix, best_mix, row_standard
from buddies_core.songs.source_list import SOURCES, SongSource
from buddies_core.songs.sources import fitted_sources
from buddies_core.songs.trees import KINDS, Kind, Lesson, Predictor, grown, joined

_AT_ONCE = 128
"""Listeners whose songs are laid out together."""


class SongsConfig(BaseModel):
    """Everything that decides the recommendations, given plays and facts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[SongSource, ...] = Field(default=SOURCES, min_length=1)
    candidates: int = Field(default=1_000, ge=1, le=2_000, description="Songs ranked for a listener.")
    folds: int = Field(
        default=4, ge=2, le=20, description="Parts of the listeners, each asked without having been seen."
    )
    hidden: float = Field(default=0.5, gt=0.0, lt=1.0, description="Share of a listener's songs that a fold hides.")
    listeners: int = Field(default=6_000, ge=1, description="Listeners that rankers learn from at most.")
    kinds: tuple[Kind, ...] = Field(default=KINDS, description="Kinds of trees; none: the blend stands.")
    trees: int = Field(default=250, ge=1, le=5_000, description="Of each ranker.")
    all_of_best: int = Field(default=200, ge=1, description="Candidates of which trees see all.")
    thin: int = Field(default=4, ge=1, description="Of the others that were not played they see one in so many.")
    half_life: float = Field(
        default=60.0, gt=0.0, description="Days in which a play loses half its weight, where dated."
    )
    threads: int = Field(default=2, ge=1, description="Of the trees.")
    seed: int = Field(default=0, ge=0, description="Of folds and trees.")


@dataclass(frozen=True, slots=True)
class SongLists:
    """Best songs of n listeners: `songs` int32 [n, k] best first and their `chances` float32, falling.

    Where there are fewer the rest of the row is -1 with a chance of 0.
    """

    songs: np.ndarray
    chances: np.ndarray


@dataclass(frozen=True)
class Learning:
    """What happened in training: figures of each ranker out of fold, and what the trees use.

    Attributes:
        figures: mAP by what ranked, out of fold.
        importances: share by feature, mean over the rankers of a kind.
        shap: mean absolute contribution by feature, of the last ranker of a kind, in log-odds or raw score.
        recall: share of the hidden songs among the candidates.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shap: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    recall: float = 0.0


class SongsModel:
    """The fitted recommender.

    Attributes:
        config: of the fit.
        models: the sources that could be fitted.
        world: what features know.
        rankers: stored trees by kind, one of each fold.
        mix: weights of the kinds and the blend; calibration: from mixed scores to chances.
        learning: what training found.
    """

    def __init__(self, config: SongsConfig | None = None) -> None:
        self.config = config or SongsConfig()
        self.models: list[tuple[SongSource, Recommender]] = []
        self.world: FeatureWorld
        self.rankers: dict[Kind, list[bytes]] = {}
        self.mix = Mix({"blend": 1.0})
        self.calibration = Calibration(1.0, 0.0, 0.0)
        self.learning = Learning()
        self._predictors: dict[Kind, list[Predictor]] = {}

    def fit(self, histories: Histories, facts: SongFacts, user_hashes: np.ndarray, song_hashes: np.ndarray) -> Self:
        """Learn from plays and facts alone.

        Args:
            user_hashes, song_hashes: uint64, of the ids.

        Raises:
            TrainingError: nobody has played anything.
        """
        if not histories.plays.nnz:
            raise TrainingError("songs: there is no play to learn from")
        self._learn(histories, facts, user_hashes, song_hashes)
        return self.with_sources(histories, facts)

    def with_sources(self, histories: Histories, facts: SongFacts) -> Self:
        """The same rankers over sources fitted on plays, such as those that were hidden while the rankers learnt."""
        self.models = fitted_sources(self.config.sources, histories.weights(self.config.half_life), facts)
        self.world = FeatureWorld.of(histories, facts)
        return self

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns that the rankers read."""
        return [feature.name for feature in features_of([s.name for s, _ in self.models], dated=self.world.dated)]

    def proposed(self, histories: Histories, barred: np.ndarray | None = None) -> Proposed:
        """Candidates of listeners, see `propose`."""
        config = self.config
        return propose(self.models, histories, config.candidates, half_life=config.half_life, barred=barred)

    def features(self, histories: Histories, found: Proposed) -> np.ndarray:
        """Features of the candidates, float32 [n, c, f]."""
        return candidate_features(self.world, histories, found.songs, found.scores, found.blend)

    def lists(self, histories: Histories, k: int, barred_groups: np.ndarray | None = None) -> SongLists:
        """The k best songs of listeners, none of which they know.

        Args:
            barred_groups: int [n_songs], songs of one group are one song to a listener; -1 is no group.
        """
        n = histories.plays.shape[0]
        songs, chances = np.full((n, k), -1, np.int32), np.zeros((n, k), np.float32)
        for first in range(0, n, _AT_ONCE):
            rows = np.arange(first, min(first + _AT_ONCE, n))
            mine = histories.of(rows)
            barred = None if barred_groups is None else same_group(mine, barred_groups)
            found = self.proposed(mine, barred)
            ranked = self.ranked(mine, found)
            there = np.isfinite(np.take_along_axis(found.blend, found.songs, axis=1))
            ranked = np.where(there, ranked, -np.inf)
            order = np.argsort(-ranked, axis=1, kind="stable")
            best = np.take_along_axis(found.songs, order, axis=1)
            values = np.take_along_axis(ranked, order, axis=1)
            kept = np.isfinite(values)
            if barred_groups is not None:
                kept &= _first_of_group(best, barred_groups)
            for at, row in enumerate(rows.tolist()):
                mask = np.flatnonzero(kept[at])[:k]
                songs[row, : len(mask)] = best[at, mask]
                chances[row, : len(mask)] = self.calibration.chances(values[at, mask], int(mine.lengths[at]))
        return SongLists(songs, chances)

    def ranked(self, histories: Histories, found: Proposed) -> np.ndarray:
        """Mixed scores of the candidates, float64 [n, c]."""
        barred = ~np.isfinite(np.take_along_axis(found.blend, found.songs, axis=1))
        parts: dict[str, np.ndarray] = {}
        for name, values in {"blend": found.blend, **found.scores}.items():
            if name in self.mix.weights:
                mine = np.where(barred, -np.inf, np.take_along_axis(values, found.songs, axis=1))
                parts[name] = row_standard(mine)
        if self.rankers:
            rows = self.features(histories, found)
            flat = rows.reshape(-1, rows.shape[2])
            for kind, predictors in self._loaded().items():
                margins = [p.margins(flat, self.config.threads).reshape(found.songs.shape) for p in predictors]
                parts[kind] = np.mean([row_standard(margin) for margin in margins], axis=0)
        return self.mix.of(parts)

    def _loaded(self) -> dict[Kind, list[Predictor]]:
        if not self._predictors:
            self._predictors = {
                kind: [Predictor(kind, stored) for stored in all_stored] for kind, all_stored in self.rankers.items()
            }
        return self._predictors

    def _learn(self, histories: Histories, facts: SongFacts, user_hashes: np.ndarray, song_hashes: np.ndarray) -> None:
        config = self.config
        parts: list[_Judged] = []
        seen: Histories | None = None
        for fold in folds(
            histories, user_hashes, song_hashes,
            count=config.folds, share=config.hidden, most=config.listeners, seed=config.seed,
        ):  # fmt: skip
            if fold.seen is not seen:
                self.with_sources(fold.seen, facts)
                seen = fold.seen
            parts += [_judged(self, fold, user_hashes, song_hashes)]
        parts = [part for part in parts if part.lesson.lists.size]
        if not parts:
            return
        kinds = config.kinds if len(parts) > 1 else ()
        names = self.feature_names
        importances: dict[str, dict[str, float]] = {}
        shap: dict[str, dict[str, float]] = {}
        for kind in kinds:
            stored, used = [], np.zeros(len(names))
            for place, part in enumerate(parts):
                others = joined([other.lesson for other in parts if other is not part])
                grower = grown(kind, others, trees=config.trees, seed=config.seed + place, threads=config.threads)
                stored.append(grower)
                predictor = Predictor(kind, grower)
                part.margins[kind] = predictor.margins(part.lesson.features, config.threads)
                used += predictor.importances() / len(parts)
            self.rankers[kind] = stored
            importances[kind] = dict(zip(names, used.tolist(), strict=True))
            some = parts[-1].lesson.features[:2_000]
            shap[kind] = dict(zip(names, np.abs(predictor.contributions(some)).mean(axis=0).tolist(), strict=True))
        lists = [one for part in parts for one in part.lists()]
        self.mix, figures = best_mix(lists, kinds)
        self.rankers = {kind: stored for kind, stored in self.rankers.items() if self.mix.weights.get(kind)}
        self.calibration = Calibration.of(
            np.concatenate([self.mix.of(one.scores) for one in lists]),
            np.concatenate([one.hits for one in lists]),
            np.concatenate([one.weights for one in lists]),
            np.concatenate([np.full(len(one.hits), one.known) for one in lists]),
        )
        recall = sum(part.found for part in parts) / max(sum(part.asked for part in parts), 1)
        self.learning = Learning(figures, importances, shap, recall)


@dataclass
class _Judged:
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


def _judged(model: SongsModel, fold: Fold, user_hashes: np.ndarray, song_hashes: np.ndarray) -> _Judged:
    """The candidates of a fold's listeners; those without a hit teach no order and are left out."""
    config = model.config
    features, hits, weights, lists, known, hidden, blends = [], [], [], [], [], [], []
    found = asked = 0
    for first in range(0, len(fold.listeners), _AT_ONCE):
        rows = fold.listeners[first : first + _AT_ONCE]
        mine = fold.seen.of(rows)
        proposed = model.proposed(mine)
        wanted = fold.hidden.of(rows)
        marks = np.zeros(proposed.blend.shape, bool)
        marks[np.repeat(np.arange(len(rows)), wanted.lengths), wanted.plays.indices] = True
        played = np.take_along_axis(marks, proposed.songs, axis=1)
        found, asked = found + int(played.sum()), asked + int(wanted.lengths.sum())
        values = model.features(mine, proposed)
        blend = np.take_along_axis(proposed.blend, proposed.songs, axis=1)
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
    return _Judged(lesson, known, hidden, np.concatenate([np.empty(0, np.float32), *blends]), names, found, asked)


def same_group(histories: Histories, groups: np.ndarray) -> np.ndarray:
    """Songs that share a group with a song that the listener knows, bool [n, n_songs]."""
    found = np.zeros(histories.plays.shape, bool)
    plays = histories.plays
    for row in range(plays.shape[0]):
        mine = groups[plays.indices[plays.indptr[row] : plays.indptr[row + 1]]]
        found[row] = np.isin(groups, mine[mine >= 0])
    return found


def _first_of_group(songs: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether a song is the first of its group in its list, bool [n, c]."""
    found = np.ones(songs.shape, bool)
    for row, mine in enumerate(groups[songs]):
        grouped = np.flatnonzero(mine >= 0)
        firsts = np.unique(mine[grouped], return_index=True)[1]
        repeats = np.setdiff1d(np.arange(len(grouped)), firsts, assume_unique=True)
        found[row, grouped[repeats]] = False
    return found


def importances_of(learning: Learning, kind: str, count: int = 20) -> Sequence[tuple[str, float]]:
    """The features that a kind of trees uses most."""
    return sorted(learning.importances.get(kind, {}).items(), key=lambda one: -one[1])[:count]

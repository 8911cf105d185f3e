"""The songs recommender: sources, features, and rankers that learnt out of fold; lists for any history.

Rankers are cross-fitted: the candidates of each fold are judged by trees that saw the other folds alone, which is how
the kinds of trees are compared and how scores become chances. What is served is the mean of all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numba import get_num_threads
from scipy.sparse import csr_array

from buddies_core.kernels.threads import in_turns
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.protocol import Recommender
from buddies_core.songs.calibration import Calibration
from buddies_core.songs.candidates import Proposed, propose
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.facts import SongFacts
from buddies_core.songs.features import FeatureWorld, candidate_features, features_of
from buddies_core.songs.histories import Histories
from buddies_core.songs.judged import AT_ONCE, Judged, judged
from buddies_core.songs.lessons import folds
from buddies_core.songs.lists import Groups, SongLists, first_of_group, same_group
from buddies_core.songs.mixing import Mix, best_mix, row_standard
from buddies_core.songs.narrow import NarrowSource, narrowed, propose_narrow
from buddies_core.songs.source_list import SongSource
from buddies_core.songs.sources import fitted_sources
from buddies_core.songs.trees import Kind, Predictor, grown, joined


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
        self._narrow: list[NarrowSource] = []
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
        self.learn(histories, facts, user_hashes, song_hashes)
        return self.with_sources(histories, facts)

    def with_sources(self, histories: Histories, facts: SongFacts) -> Self:
        """The same rankers over sources fitted on plays, such as those that were hidden while the rankers learnt."""
        models = fitted_sources(self.config.sources, histories, facts, half_life=self.config.half_life)
        return self.with_models(models, FeatureWorld.of(histories, facts))

    def with_models(self, models: list[tuple[SongSource, Recommender]], world: FeatureWorld) -> Self:
        """The same rankers over sources that are fitted already, on the plays of the world."""
        self.models, self.world = models, world
        self._narrow = narrowed(models) if self.config.narrow else []
        return self

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns that the rankers read."""
        return [feature.name for feature in features_of([s.name for s, _ in self.models], dated=self.world.dated)]

    def proposed(self, histories: Histories, barred: csr_array | None = None) -> Proposed:
        """Candidates of listeners, see `propose`."""
        config = self.config
        if config.narrow:
            return propose_narrow(self._narrow, histories, config.candidates, half_life=config.half_life, barred=barred)
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
        made = SongLists(np.full((n, k), -1, np.int32), np.zeros((n, k), np.float32))
        groups = None if barred_groups is None else Groups.of(barred_groups)
        self._loaded()
        # Side by side only where a block is small: with a score for every song it takes gigabytes.
        threads = self.config.threads if self.config.narrow else 1
        in_turns(lambda first: self._write_lists(histories, first, groups, made), range(0, n, AT_ONCE), threads)
        return made

    def _write_lists(self, histories: Histories, first: int, groups: Groups | None, made: SongLists) -> None:
        """Lists of the listeners of one block: what others get does not matter to them."""
        rows = np.arange(first, min(first + AT_ONCE, len(made.songs)))
        mine = histories.of(rows)
        found = self.proposed(mine, None if groups is None else same_group(mine, groups))
        ranked = np.where(np.isfinite(found.blend), self.ranked(mine, found), -np.inf)
        order = np.argsort(-ranked, axis=1, kind="stable")
        best = np.take_along_axis(found.songs, order, axis=1)
        values = np.take_along_axis(ranked, order, axis=1)
        kept = np.isfinite(values)
        if groups is not None:
            kept &= first_of_group(best, groups.of_song)
        for at, row in enumerate(rows.tolist()):
            mask = np.flatnonzero(kept[at])[: made.songs.shape[1]]
            made.songs[row, : len(mask)] = best[at, mask]
            made.chances[row, : len(mask)] = self.calibration.chances(values[at, mask], int(mine.lengths[at]))

    def ranked(self, histories: Histories, found: Proposed) -> np.ndarray:
        """Mixed scores of the candidates, float64 [n, c]."""
        threads = min(self.config.threads, get_num_threads())
        barred = ~np.isfinite(found.blend)
        parts: dict[str, np.ndarray] = {}
        for name, values in {"blend": found.blend, **found.scores}.items():
            if name in self.mix.weights:
                parts[name] = row_standard(np.where(barred, -np.inf, values))
        if self.rankers:
            rows = self.features(histories, found)
            flat = rows.reshape(-1, rows.shape[2])
            for kind, predictors in self._loaded().items():
                margins = [p.margins(flat, threads).reshape(found.songs.shape) for p in predictors]
                parts[kind] = np.mean([row_standard(margin) for margin in margins], axis=0)
        return self.mix.of(parts)

    def _loaded(self) -> dict[Kind, list[Predictor]]:
        if not self._predictors:
            self._predictors = {
                kind: [Predictor(kind, stored) for stored in all_stored] for kind, all_stored in self.rankers.items()
            }
        return self._predictors

    def learn(self, histories: Histories, facts: SongFacts, user_hashes: np.ndarray, song_hashes: np.ndarray) -> None:
        """Rankers, mix and calibration alone, out of fold; arguments as of `fit`. No sources are left."""
        config = self.config
        parts: list[Judged] = []
        seen: Histories | None = None
        for fold in folds(
            histories, user_hashes, song_hashes,
            count=config.folds, share=config.hidden, most=config.listeners, seed=config.seed,
        ):  # fmt: skip
            if fold.seen is not seen:
                self.with_sources(fold.seen, facts)
                seen = fold.seen
            parts += [judged(self, fold, user_hashes, song_hashes)]
        parts = [part for part in parts if part.lesson.lists.size]
        if not parts:
            return
        names = self.feature_names
        # Trees grow from rows that take as much room as the sources that made them.
        self.models, self._narrow = [], []
        del self.world, seen, fold
        kinds = config.kinds if len(parts) > 1 and all(_tells_apart(part, parts) for part in parts) else ()
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


def _tells_apart(part: Judged, parts: list[Judged]) -> bool:
    """Whether the other parts hold songs that were played and songs that were not, which trees need."""
    hits = np.concatenate([other.lesson.hits for other in parts if other is not part])
    return bool(hits.any() and not hits.all())

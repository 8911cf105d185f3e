"""Next track and continuation as fitted models: an index of playlists, and a ranker for each of the two tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from buddies_core.sequences.features import Candidates, Featuriser, Query
from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.ranker import Ranker

NEXT, CONTINUE = "next_track", "continuation"
TASKS = (NEXT, CONTINUE)
PER_SCORER = {NEXT: 300, CONTINUE: 500}
"""Candidates that each scorer names, for either task."""


@dataclass(frozen=True)
class SequenceModels:
    """What answers: the index, and the rankers of each task, whose scores are averaged."""

    index: SequenceIndex
    rankers: Mapping[str, tuple[Ranker, ...]]

    def answerer(self, task: str) -> "Answerer":
        """Whatever ranks songs for one task; for one thread at a time."""
        return Answerer(self.index, self.rankers[task], PER_SCORER[task])

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        arrays = self.index.arrays()
        for task, rankers in self.rankers.items():
            for k, ranker in enumerate(rankers):
                arrays |= ranker.arrays(f"{task}_{k}")
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The models from their arrays; answers are equal to the bit."""
        rankers = {}
        for task in TASKS:
            count = sum(f"{task}_{k}_mean" in arrays for k in range(10))
            if count:
                rankers[task] = tuple(Ranker.from_arrays(arrays, f"{task}_{k}") for k in range(count))
        return cls(SequenceIndex.from_arrays(arrays), rankers)


class Answerer:
    """Ranks the songs that could follow a playlist.

    Args:
        index: what was fitted.
        rankers: of one task.
        per_scorer: candidates that each scorer names.
    """

    def __init__(self, index: SequenceIndex, rankers: tuple[Ranker, ...], per_scorer: int) -> None:
        self._rankers = rankers
        self.featuriser = Featuriser(index, per_scorer)

    def ranked(self, query: Query) -> tuple[Candidates, np.ndarray]:
        """Candidates, and the score of each."""
        candidates = self.featuriser.candidates(query)
        return candidates, ranked_by(self._rankers, candidates.features)


def ranked_by(rankers: tuple[Ranker, ...], features: np.ndarray) -> np.ndarray:
    """Mean score of some rankers, float32 [n]."""
    return np.mean([ranker.scores(features) for ranker in rankers], axis=0)

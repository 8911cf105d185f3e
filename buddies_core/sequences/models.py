"""Next track and continuation as fitted models: an index of playlists, and a ranker for each of the two tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from buddies_core.sequences.features import Featuriser
from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.query import Candidates, Query
from buddies_core.sequences.ranker import Ranker
from buddies_core.sequences.trees import Trees

NEXT, CONTINUE = "next_track", "continuation"
TASKS = (NEXT, CONTINUE)
PER_SCORER = {NEXT: 300, CONTINUE: 500}
"""Candidates that each scorer names, for either task."""
ASKED_OF_TREES = {NEXT: 200, CONTINUE: 900}
"""Candidates, the best by the networks, that trees rank as well: of a next track, whose hundred first songs count, 600
were no better."""
WRONG_SHOWN = 250
"""Wrong candidates of an example that rankers learn from."""


@dataclass(frozen=True)
class Stack:
    """Networks that rank all candidates, and trees that rank the best of them again: the sum is better than either.

    Attributes:
        networks: their mean counts.
        trees: None where nothing could be learned by them.
    """

    networks: tuple[Ranker, ...]
    trees: Trees | None

    def scores(self, features: np.ndarray, asked_of_trees: int) -> np.ndarray:
        """Score of each candidate, float32 [n]; only their order within a request means something."""
        scores = np.mean([network.scores(features) for network in self.networks], axis=0).astype(np.float32)
        if self.trees is None or not len(scores):
            return scores
        most = min(asked_of_trees, len(scores))
        best = np.argpartition(-scores, most - 1)[:most]
        both = _standard(scores[best]) + _standard(self.trees.scores(features[best]))
        found = scores - scores[best].min() + both.min()
        found[best] = both
        return found

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """How likely each candidate is right, float32 [n]; NaN without trees.

        Trees learn from some of the wrong candidates alone, which makes right ones look common: their log-odds are
        lowered by the share that was shown.
        """
        if self.trees is None:
            return np.full(len(features), np.nan, np.float32)
        odds = self.trees.scores(features) + np.log(min(1.0, WRONG_SHOWN / max(len(features), 1)))
        return (1 / (1 + np.exp(-np.clip(odds, -60, 60)))).astype(np.float32)

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """All arrays by name, each behind a prefix."""
        arrays = {} if self.trees is None else self.trees.arrays(f"{prefix}_trees")
        for k, network in enumerate(self.networks):
            arrays |= network.arrays(f"{prefix}_{k}")
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> Self:
        """The stack from its arrays; scores are equal to the bit."""
        count = sum(f"{prefix}_{k}_mean" in arrays for k in range(10))
        networks = tuple(Ranker.from_arrays(arrays, f"{prefix}_{k}") for k in range(count))
        trees = Trees.from_arrays(arrays, f"{prefix}_trees") if f"{prefix}_trees_values" in arrays else None
        return cls(networks, trees)


def _standard(values: np.ndarray) -> np.ndarray:
    """Values with mean 0 and deviation 1."""
    return (values - values.mean()) / max(float(values.std()), 1e-9)


@dataclass(frozen=True)
class SequenceModels:
    """What answers: the index, and what ranks the candidates of each task."""

    index: SequenceIndex
    rankers: Mapping[str, Stack]

    def answerer(self, task: str) -> "Answerer":
        """Whatever ranks songs for one task; for one thread at a time."""
        return Answerer(self.index, self.rankers[task], PER_SCORER[task], ASKED_OF_TREES[task])

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        arrays = self.index.arrays()
        for task, stack in self.rankers.items():
            arrays |= stack.arrays(task)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The models from their arrays; answers are equal to the bit."""
        rankers = {task: Stack.from_arrays(arrays, task) for task in TASKS if f"{task}_0_mean" in arrays}
        return cls(SequenceIndex.from_arrays(arrays), rankers)


class Answerer:
    """Ranks the songs that could follow a playlist.

    Args:
        index: what was fitted.
        stack: what ranks for one task.
        per_scorer: candidates that each scorer names.
        asked_of_trees: candidates that trees rank as well.
    """

    def __init__(self, index: SequenceIndex, stack: Stack, per_scorer: int, asked_of_trees: int) -> None:
        self._stack, self._asked_of_trees = stack, asked_of_trees
        self.featuriser = Featuriser(index, per_scorer)

    def ranked(self, query: Query) -> tuple[Candidates, np.ndarray]:
        """Candidates, and the score of each."""
        candidates = self.featuriser.candidates(query)
        return candidates, self._stack.scores(candidates.features, self._asked_of_trees)

    def probabilities(self, candidates: Candidates) -> np.ndarray:
        """How likely each candidate is right, float32 [n]."""
        return self._stack.probabilities(candidates.features)

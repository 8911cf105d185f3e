"""Fitting of both models.

Rankers are *cross-fitted*: the playlists are cut into folds by content, an index is fitted on all folds but one, and
the playlists of that one become the examples. A ranker therefore learns from scores of playlists that the scorers had
not seen, which is what it will meet; its index is then fitted on everything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.kernels.randomness import BATCH, hash_pairs
from buddies_core.sequences.catalogue import Catalogue
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.features import Featuriser
from buddies_core.sequences.fit import SequenceConfig, fit_index
from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.models import NEXT, PER_SCORER, TASKS, WRONG_SHOWN, SequenceModels, Stack
from buddies_core.sequences.processes import in_processes
from buddies_core.sequences.ranker_training import Example, RankerConfig, train_ranker
from buddies_core.sequences.splits import content_hashes, folds_of
from buddies_core.sequences.tasks import LAST, RANDOM, Question, continuation_examples, next_track_questions
from buddies_core.sequences.trees_training import TreesConfig, train_trees


class ModelsConfig(BaseModel):
    """Everything that decides both models, given the playlists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: SequenceConfig = Field(default_factory=SequenceConfig)
    folds: int = Field(default=4, ge=2, le=20, description="Parts of the playlists that take turns as examples.")
    prefixes: int = Field(default=4, ge=1, description="Random prefixes of a playlist, as examples of a next track.")
    categories: int = Field(default=3, ge=1, le=8, description="Categories of a playlist, as examples to continue.")
    most_wrong: int = Field(default=WRONG_SHOWN, ge=1, description="Wrong candidates of an example, to learn from.")
    most_right: int = Field(default=60, ge=1, description="Right candidates of an example that are learned from.")
    rankers: int = Field(default=1, ge=1, le=10, description="Networks whose scores are averaged, for each task.")
    next_track: RankerConfig = Field(default_factory=RankerConfig)
    continuation: RankerConfig = Field(default_factory=lambda: RankerConfig(pointwise=0.3))
    trees: TreesConfig = Field(default_factory=TreesConfig)
    seed: int = Field(default=20_250_514, ge=0)


def fit_models(
    sequences: Sequences,
    catalogue: Catalogue,
    config: ModelsConfig,
    *,
    tasks: Iterable[str] = TASKS,
    workers: int = 1,
    progress: Callable[[str], None] = lambda step: None,
) -> SequenceModels:
    """Fit everything on some playlists.

    Args:
        sequences: to learn from, and they alone.
        catalogue: of the vocabulary.
        config: of all parts.
        tasks: for which rankers are trained.
        workers: processes that make examples; their number changes nothing.
        progress: called with what is done next.

    Raises:
        SequencesError: too few playlists to learn from.
    """
    tasks = tuple(tasks)
    fold = folds_of(content_hashes(sequences), seed=config.seed, folds=config.folds)
    lessons = [
        _Lesson(sequences.take(fold != k), sequences.take(fold == k), catalogue, config, tasks)
        for k in range(config.folds)
        if 0 < (fold == k).sum() < len(sequences)
    ]
    examples: dict[str, list[Example]] = {task: [] for task in tasks}
    progress(f"examples from {len(lessons)} folds, {workers} at once")
    for found in in_processes(_examples_of, lessons, workers):
        for task in tasks:
            examples[task] += found[task]
        progress(f"examples so far: {', '.join(f'{len(examples[task]):,} of {task}' for task in tasks)}")
    rankers = {}
    for task in tasks:
        progress(f"rankers of {task}")
        base = getattr(config, task)
        networks = (
            train_ranker(examples[task], base.model_copy(update={"seed": base.seed + k})) for k in range(config.rankers)
        )
        rankers[task] = Stack(tuple(networks), train_trees(examples[task], config.trees))
    progress("index of all playlists")
    return SequenceModels(fit_index(sequences, catalogue, config.index), rankers)


@dataclass(frozen=True)
class _Lesson:
    """Playlists that an index is fitted on, and others that it is then asked about."""

    shown: Sequences
    held_out: Sequences
    catalogue: Catalogue
    config: ModelsConfig
    tasks: tuple[str, ...]


def _examples_of(lesson: _Lesson) -> dict[str, list[Example]]:
    index = fit_index(lesson.shown, lesson.catalogue, lesson.config.index)
    return {task: _examples(index, lesson.held_out, task, lesson.config) for task in lesson.tasks}


def _examples(index: SequenceIndex, held_out: Sequences, task: str, config: ModelsConfig) -> list[Example]:
    questions: Iterable[Question] = (
        next_track_questions(held_out, seed=config.seed, kinds=(LAST, *(RANDOM,) * config.prefixes))
        if task == NEXT
        else continuation_examples(held_out, seed=config.seed, of_each_playlist=config.categories)
    )
    featuriser = Featuriser(index, PER_SCORER[task])
    examples = []
    for number, question in enumerate(questions):
        candidates = featuriser.candidates(question.query)
        right = np.isin(candidates.songs, question.right)
        if right.any():
            order = np.argsort(hash_pairs(config.seed, BATCH, candidates.songs, number), kind="stable")
            chosen, good = order, right[order]
            kept = np.concatenate([chosen[good][: config.most_right], chosen[~good][: config.most_wrong]])
            examples.append(Example(candidates.features[kept], right[kept]))
    return examples

"""Fitting of both models.

Rankers are *cross-fitted*: the playlists are cut into folds by content, an index is fitted on all folds but one, and
the playlists of that one become the examples. A ranker therefore learns from scores of playlists that the scorers had
not seen, which is what it will meet; its index is then fitted on everything.
"""

from collections.abc import Callable, Iterable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.kernels.randomness import BATCH, hash_pairs
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.features import Featuriser
from buddies_core.sequences.fit import SequenceConfig, fit_index
from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.models import NEXT, PER_SCORER, TASKS, SequenceModels
from buddies_core.sequences.ranker_training import Example, RankerConfig, train_ranker
from buddies_core.sequences.splits import content_hashes, folds_of
from buddies_core.sequences.tasks import LAST, RANDOM, Question, continuation_examples, next_track_questions


class ModelsConfig(BaseModel):
    """Everything that decides both models, given the playlists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: SequenceConfig = Field(default_factory=SequenceConfig)
    folds: int = Field(default=4, ge=2, le=20, description="Parts of the playlists that take turns as examples.")
    prefixes: int = Field(default=4, ge=1, description="Random prefixes of a playlist, as examples of a next track.")
    categories: int = Field(default=3, ge=1, le=8, description="Categories of a playlist, as examples to continue.")
    most_wrong: int = Field(default=250, ge=1, description="Wrong candidates of an example that are learned from.")
    most_right: int = Field(default=60, ge=1, description="Right candidates of an example that are learned from.")
    rankers: int = Field(default=2, ge=1, le=10, description="Networks whose scores are averaged, for each task.")
    next_track: RankerConfig = Field(default_factory=RankerConfig)
    continuation: RankerConfig = Field(default_factory=lambda: RankerConfig(pointwise=0.3))
    seed: int = Field(default=20_250_514, ge=0)


def fit_models(
    sequences: Sequences,
    artist_of: np.ndarray,
    config: ModelsConfig,
    *,
    tasks: Iterable[str] = TASKS,
    progress: Callable[[str], None] = lambda step: None,
) -> SequenceModels:
    """Fit everything on some playlists.

    Args:
        sequences: to learn from, and they alone.
        artist_of: int32 [n_known], the artist of each song of the vocabulary.
        config: of all parts.
        tasks: for which rankers are trained.
        progress: called with what is done next.

    Raises:
        SequencesError: too few playlists to learn from.
    """
    tasks = tuple(tasks)
    fold = folds_of(content_hashes(sequences), seed=config.seed, folds=config.folds)
    examples: dict[str, list[Example]] = {task: [] for task in tasks}
    for k in range(config.folds):
        held_out = sequences.take(fold == k)
        if not len(held_out) or len(held_out) == len(sequences):
            continue
        progress(f"index without fold {k + 1} of {config.folds}")
        index = fit_index(sequences.take(fold != k), artist_of, config.index)
        for task in tasks:
            progress(f"examples of {task} from fold {k + 1} of {config.folds}")
            examples[task] += _examples(index, held_out, task, config)
    rankers = {}
    for task in tasks:
        progress(f"ranker of {task}")
        base = getattr(config, task)
        rankers[task] = tuple(
            train_ranker(examples[task], base.model_copy(update={"seed": base.seed + k})) for k in range(config.rankers)
        )
    progress("index of all playlists")
    return SequenceModels(fit_index(sequences, artist_of, config.index), rankers)


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

"""Two stages: sources propose candidates, boosted trees rank them (LightGBM, fitted out of fold).

A model knows what it was fitted on too well: a ranker that learned from such scores would trust them as it must not
for what is new. So the interactions are cut into folds; for each, the sources are fitted on the others, and what the
fold holds is what the ranker must find. Afterwards the sources are fitted on everything. The answer is the ranker's
score and the blend of the sources together, which is better than either.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.interactions.folds import fold_of_cells, kept_cells
from buddies_core.recommenders.blend import Blend, BlendConfig
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.candidates import Candidates, ItemFacts, candidate_features, item_facts
from buddies_core.recommenders.source import Source
from buddies_core.tuning.space import Search

_AT_ONCE = 256
"""Listeners whose whole rows are in memory together."""
_NO_TREES = np.zeros(0, np.uint8)


class RankerConfig(BaseModel):
    """What proposes, and how it is ranked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Source, ...] = Field(default=BlendConfig().sources, min_length=1)
    candidates: int = Field(default=60, ge=1, le=2_000, description="Items ranked for a listener.")
    folds: int = Field(default=5, ge=2, le=20, description="Parts of the interactions, each predicted from the others.")
    objectives: tuple[Literal["lambdarank", "binary"], ...] = Field(
        default=("lambdarank", "binary"), description="One set of trees each; their standardised scores are added."
    )
    trees: Annotated[int, Search(60, 300, step=20)] = Field(default=160, ge=1, le=5_000, description="Per objective.")
    leaves: Annotated[int, Search(4, 31, log=True)] = Field(default=7, ge=2, le=255, description="Of a tree.")
    rate: Annotated[float, Search(0.02, 0.15, log=True)] = Field(default=0.06, gt=0.0, le=1.0, description="Step size.")
    fewest: int = Field(default=50, ge=1, description="Candidates in a leaf at least.")
    blend: Annotated[float, Search(0.0, 3.0)] = Field(
        default=1.0, ge=0.0, description="Weight of the blend of the sources beside the trees'."
    )
    seed: int = Field(default=0, ge=0, description="Of the folds and the trees.")


class Ranker:
    """Sources, and the trees that rank what they propose.

    Attributes:
        config: of the fit.
        n_items: items known.
        blend: the sources, fitted on everything.
        facts: what features say of an item whoever the listener is.
        trees: LightGBM models in their own text form, one an objective; none when no fold had a hit.
    """

    def __init__(self, config: RankerConfig | None = None) -> None:
        self.config = config or RankerConfig()
        self.n_items = 0
        self.blend: Blend
        self.facts: ItemFacts
        self.trees: Sequence[str] = ()
        self._boosters: list[Any] = []

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """See `Recommender.fit`."""
        config = self.config
        if not interactions.nnz:
            raise TrainingError("ranker: there is no interaction to learn from")
        lesson = _lesson(config, interactions, features)
        # One thread an objective: the same bits everywhere, and no waiting for each other on a busy machine.
        with ThreadPoolExecutor(max_workers=len(config.objectives)) as pool:
            grown = [] if lesson is None else pool.map(lambda kind: _grown(config, kind, lesson), config.objectives)
            self.trees = list(grown)
        self.blend = Blend(BlendConfig(sources=config.sources)).fit(interactions, features)
        self.facts, self.n_items = item_facts(interactions), interactions.shape[1]
        self._boosters = []
        return self

    def scores(self, histories: csr_array) -> np.ndarray:
        """See `Recommender.scores`: candidates stand above all other items, which keep the order of the blend."""
        total = np.empty(histories.shape, np.float32)
        for first in range(0, histories.shape[0], _AT_ONCE):
            total[first : first + _AT_ONCE] = self._scores(histories[first : first + _AT_ONCE])
        return total

    def _scores(self, histories: csr_array) -> np.ndarray:
        found = candidate_features(self.blend, self.facts, histories, self.config.candidates)
        total = found.blend
        if not self.trees:
            return total
        rows = np.arange(len(total))[:, None]
        ranked = np.float32(self.config.blend) * _row_standard(total[rows, found.items])
        for booster in self._loaded():
            predicted = booster.predict(found.features.reshape(-1, found.features.shape[2]), num_threads=1)
            ranked += _row_standard(predicted.reshape(found.items.shape))
        above = total.max(axis=1, keepdims=True) + 1.0 - ranked.min(axis=1, keepdims=True)
        total[rows, found.items] = ranked + above
        return total

    def similar(self, items: np.ndarray) -> np.ndarray:
        """See `Recommender.similar`: the blend's."""
        return self.blend.similar(items)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """See `Recommender.arrays`: the sources', the facts of the items, the trees as UTF-8 text."""
        texts = {f"trees/{place}": np.frombuffer(text.encode(), np.uint8) for place, text in enumerate(self.trees)}
        return {**self.blend.arrays(), **self.facts.arrays(), **texts}

    @classmethod
    def from_arrays(cls, config: RankerConfig, arrays: Mapping[str, np.ndarray]) -> Self:
        """See `Recommender.from_arrays`."""
        model = cls(config)
        model.blend = Blend.from_arrays(BlendConfig(sources=config.sources), arrays)
        model.facts, model.n_items = ItemFacts.from_arrays(arrays), model.blend.n_items
        places = range(len(config.objectives))
        texts = [arrays[f"trees/{place}"] for place in places if f"trees/{place}" in arrays]
        model.trees = [np.asarray(text).tobytes().decode() for text in texts]
        return model

    def _loaded(self) -> list[Any]:
        if len(self._boosters) != len(self.trees):
            import lightgbm

            self._boosters = [lightgbm.Booster(model_str=text) for text in self.trees]
        return self._boosters


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What trees learn from: features float32 [n, candidates, f] and hits bool [n, candidates]."""

    features: np.ndarray
    hits: np.ndarray


def _lesson(config: RankerConfig, interactions: csr_array, features: csr_array | None) -> _Lesson | None:
    """Candidates of every fold with what they were; lists without a hit teach no order and are left out."""
    folds = fold_of_cells(interactions, config.folds, seed=config.seed)
    parts = [
        part for fold in range(config.folds) for part in _fold_lessons(config, interactions, features, folds == fold)
    ]
    if not parts:
        return None
    return _Lesson(np.concatenate([part.features for part in parts]), np.concatenate([part.hits for part in parts]))


def _fold_lessons(
    config: RankerConfig, interactions: csr_array, features: csr_array | None, held: np.ndarray
) -> Iterator[_Lesson]:
    train, wanted = kept_cells(interactions, ~held), kept_cells(interactions, held)
    if not train.nnz or not wanted.nnz:
        return
    blend = Blend(BlendConfig(sources=config.sources)).fit(train, features)
    facts = item_facts(train)
    for first in range(0, train.shape[0], _AT_ONCE):
        found = candidate_features(blend, facts, train[first : first + _AT_ONCE], config.candidates)
        hits = _hits(found, wanted[first : first + _AT_ONCE])
        some = hits.any(axis=1)
        if some.any():
            yield _Lesson(found.features[some], hits[some])


def _hits(found: Candidates, wanted: csr_array) -> np.ndarray:
    marks = np.zeros(wanted.shape, bool)
    marks[np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr)), wanted.indices] = True
    return np.take_along_axis(marks, found.items, axis=1)


def _grown(config: RankerConfig, objective: str, lesson: _Lesson) -> str:
    """Trees of one objective as LightGBM writes them; the same bits whatever the number of threads."""
    import lightgbm

    lists, length, width = lesson.features.shape
    group = np.full(lists, length) if objective == "lambdarank" else None
    data = lightgbm.Dataset(
        lesson.features.reshape(-1, width),
        lesson.hits.ravel().astype(np.int8),
        group=group,
        params={"max_bin": 63, "verbose": -1},
    )
    extra = {"lambdarank_truncation_level": 20} if objective == "lambdarank" else {}
    parameters = {
        "objective": objective,
        "num_leaves": config.leaves,
        "learning_rate": config.rate,
        "min_data_in_leaf": config.fewest,
        # No source that thinks more of an item may lower it; the facts after them may do either.
        "monotone_constraints": ([1, -1] * len(config.sources) + [0] * width)[:width],
        "max_bin": 63,
        "seed": config.seed,
        "deterministic": True,
        "num_threads": 1,
        "force_row_wise": True,
        "verbose": -1,
        **extra,
    }
    return lightgbm.train(parameters, data, config.trees).model_to_string()


def _row_standard(values: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and standard deviation 1; a constant row becomes zero."""
    centred = values - values.mean(axis=1, keepdims=True)
    deviations = centred.std(axis=1, keepdims=True)
    return (centred / np.where(deviations > 1e-12, deviations, 1.0)).astype(np.float32)

"""Models that a blend or a ranker is made of: named in its configuration, stored within its arrays."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.source import Source


def new_source(source: Source) -> Recommender:
    """A source, not fitted yet; pydantic's ValidationError says what is wrong with its configuration."""
    from buddies_core.recommenders.catalogue import config_class, recommender_class

    kind = recommender_class(source.model)
    return kind(config_class(kind).model_validate(source.config))  # type: ignore[call-arg,attr-defined]


def fitted(sources: Sequence[Source], interactions: csr_array, features: csr_array | None) -> list[Recommender]:
    """All sources, fitted one after the other."""
    return [new_source(source).fit(interactions, features) for source in sources]


def stored(models: Sequence[Recommender]) -> dict[str, np.ndarray]:
    """Arrays of all models, each under `<number>/<name>`."""
    return {f"{place}/{name}": array for place, model in enumerate(models) for name, array in model.arrays().items()}


def restored(sources: Sequence[Source], arrays: Mapping[str, np.ndarray]) -> list[Recommender]:
    """The models that `stored` gave the arrays of."""
    found = []
    for place, source in enumerate(sources):
        head = f"{place}/"
        own = {name.removeprefix(head): array for name, array in arrays.items() if name.startswith(head)}
        empty = new_source(source)
        found.append(type(empty).from_arrays(empty.config, own))
    return found

"""What every recommender is to the systems that fit, compare, tune, store and serve one."""

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from scipy.sparse import csr_array


@runtime_checkable
class Recommender(Protocol):
    """A model of interactions that scores every item for a listener whose interactions it is shown.

    Listeners are given by their interactions, not by a row number, so that one who came after the fit, or who has
    just done something new, is scored by the same call. `config` is a frozen pydantic model: its fields, bounds and
    defaults are what `tune()` searches, what MLflow logs, and what is stored beside the arrays.
    """

    config: Any
    n_items: int

    def fit(self, interactions: csr_array, features: csr_array | None = None) -> Self:
        """Learn from interactions.

        Args:
            interactions: float32 [n_users, n_items], weights above 0, indices sorted within a row.
            features: float32 [n_features, n_items], side information of the items such as tags or artists.

        Raises:
            TrainingError: nothing to learn from, or the fit diverged.
        """
        ...

    def scores(self, histories: csr_array) -> np.ndarray:
        """Scores of all items, float32 [n, n_items], finite; what a listener already has is scored as well.

        Args:
            histories: float32 [n, n_items], the interactions of n listeners; an empty row is a stranger.
        """
        ...

    def similar(self, items: np.ndarray) -> np.ndarray:
        """Likeness of items to all others, float32 [len(items), n_items]; an item's own is the greatest."""
        ...

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Everything that `scores` and `similar` need, by name: what a checkpoint or an artifact stores."""
        ...

    @classmethod
    def from_arrays(cls, config: Any, arrays: Mapping[str, np.ndarray]) -> Self:
        """The fitted model again; scores are equal to the bit."""
        ...

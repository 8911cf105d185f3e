"""What the trainer needs of a backend, and the choice between the two."""

from typing import Protocol

import numpy as np

from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import Blocks
from buddies_core.recommenders.factors import Factors, RowKeys
from buddies_core.torch_extra import torch_wanted


class Backend(Protocol):
    """A model in training."""

    def epoch(self, blocks: Blocks, *, rate: float, seed: int) -> tuple[float, int]:
        """One pass over a shard of blocks; returns the summed loss and the samples behind it."""
        ...

    def factors(self) -> Factors:
        """Copy of the factors as they are now, rows in the caller's numbering."""
        ...

    def saved_state(self) -> dict[str, np.ndarray]:
        """Optimiser state, enough to go on as if never interrupted."""
        ...


def make_backend(
    config: TrainingConfig,
    factors: Factors,
    *,
    popularity: np.ndarray,
    state: dict[str, np.ndarray],
    keys: RowKeys | None = None,
) -> Backend:
    """The configured backend, beginning with `factors` and the optimiser `state` (empty for a fresh one).

    `keys` are what the order of the samples is drawn by: the rows' numbers without.
    """
    if config.backend == "torch":
        with torch_wanted("backend=torch"):
            from buddies_core.recommenders.bpr.torch_backend import TorchBackend

        return TorchBackend(config, factors, state, keys)
    from buddies_core.recommenders.bpr.numba_backend import NumbaBackend

    return NumbaBackend(config, factors, popularity=popularity, state=state, keys=keys)

"""State of a training after an epoch, on disk: what a killed run goes on from.

One file an epoch, `<folder>/epoch-0003.safetensors`, written beside and renamed: factors, optimiser state, and as
metadata the configuration, the data's fingerprint and the history. The last epoch and the best one are kept.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from buddies_core import json_text
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.errors import ResumeMismatchError
from buddies_core.recommenders.factors import Factors, aligned_copy
from buddies_core.storage.durable import write_durably


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch did. `loss` is the mean per sample, before each step; `metrics` are those of validation cases.

    `seconds` is training alone; `eta_seconds` covers the epochs left, with evaluation.
    """

    epoch: int
    epochs: int
    loss: float
    metrics: dict[str, float]
    samples: int
    seconds: float
    samples_per_second: float
    eta_seconds: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class SavedEpoch:
    """A state that was read back."""

    factors: Factors
    optimiser: dict[str, np.ndarray]
    history: list[EpochReport]


class StateFolder:
    """States of one training in a folder of its own."""

    def __init__(self, folder: Path, *, config: TrainingConfig, fingerprint: str):
        self.folder = folder
        self._identity = {"config": _decisive(config), "data": fingerprint}

    def path(self, epoch: int) -> Path:
        """File of an epoch."""
        return self.folder / f"epoch-{epoch:04d}.safetensors"

    def epochs(self) -> list[int]:
        """Epochs on disk, ascending."""
        return sorted(int(p.stem.removeprefix("epoch-")) for p in self.folder.glob("epoch-*.safetensors"))

    def save(
        self, factors: Factors, optimiser: dict[str, np.ndarray], history: list[EpochReport], *, best_epoch: int
    ) -> Path:
        """Write the state of the newest epoch of `history`, then drop all but it and the best."""
        from safetensors.numpy import save

        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {"users": factors.users, "playlists": factors.playlists}
        tensors |= {f"optimiser.{name}": np.ascontiguousarray(array) for name, array in optimiser.items()}
        metadata = self._identity | {"history": json_text.dumps([asdict(report) for report in history])}
        path = self.path(history[-1].epoch)
        write_durably(path, save(tensors, metadata=metadata))
        for epoch in self.epochs():
            if epoch not in (history[-1].epoch, best_epoch):
                self.path(epoch).unlink()
        return path

    def load(self, epoch: int) -> SavedEpoch:
        """State of an epoch.

        Raises:
            ResumeMismatchError: It belongs to another configuration or to other data.
        """
        from safetensors import safe_open

        with safe_open(self.path(epoch), "numpy") as file:
            metadata = file.metadata()
            for name, mine in self._identity.items():
                if metadata[name] != mine:
                    raise ResumeMismatchError(folder=str(self.folder), differs=name)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        factors = Factors(aligned_copy(tensors.pop("users")), aligned_copy(tensors.pop("playlists")))
        history = [EpochReport(**report) for report in json.loads(metadata["history"])]
        return SavedEpoch(factors, {k.removeprefix("optimiser."): v for k, v in tensors.items()}, history)


def _decisive(config: TrainingConfig) -> str:
    """The configuration less what does not change an epoch's weights: more epochs may be asked for on resuming."""
    return json_text.dumps(config.model_dump(mode="json", exclude={"epochs", "patience"}), sort_keys=True)

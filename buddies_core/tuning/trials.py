"""A trial of a search for a training configuration: what was tried, and what came of it."""

from dataclasses import dataclass, field
from typing import Any

from buddies_core.json_text import finite
from buddies_core.recommenders.bpr.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration tried. `epochs` holds each epoch's metrics; `state` is ended, stopped, diverged or failed."""

    name: str
    config: TrainingConfig
    mrr: float
    seconds: float
    state: str
    epochs: list[dict[str, float]] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """The trial as a row of a table."""
        flat = self.config.model_dump(mode="json")
        mix = {k: v for k, v in flat.pop("negatives").items() if v}
        kept = ("backend", "dimension", "learning_rate", "decay", "l2", "item_bias", "start", "batch_size")
        found = {
            "mrr": finite(self.mrr),
            "state": self.state,
            "epochs": len(self.epochs),
            "seconds": self.seconds,
        }
        return {"trial": self.name, **found, "negatives": str(mix), **{name: flat[name] for name in kept}}

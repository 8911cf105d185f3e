"""What a search for BPR's configuration may try and may cost."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from buddies_core.recommenders.bpr.config import NegativeMix, TrainingConfig
from buddies_core.tuning.space import Choice, Search, Space

MIXES: dict[str, dict[str, int]] = {
    "2 hard 2 easy": {"hard": 2, "easy": 2},
    "1 hard 3 uniform": {"hard": 1, "uniform": 3},
    "4 uniform": {"uniform": 4},
    "2 uniform 2 popular": {"uniform": 2, "popular": 2},
    "4 popular": {"popular": 4},
}
"""Negatives a search chooses among; without pools the hard and easy ones are those stored in the blocks."""

_SOURCES = ("hard", "easy", "uniform", "popular")
_RATES = {True: (1e-4, 1e-2), False: (5e-3, 1e-1)}
_DECAYS, _PENALTIES = (0.6, 1.0), (1e-6, 1e-2)


class SearchSettings(BaseModel):
    """What a search may try and may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int = Field(default=8, ge=1, le=1_000, description="Configurations tried.")
    epochs: int = Field(default=5, ge=1, le=200, description="Epochs of a trial that is not stopped.")
    seconds: float = Field(default=900.0, gt=0, description="No new epoch is begun after so long.")
    concurrent: int = Field(default=2, ge=1, description="Trials at once.")
    cpus: float = Field(default=1.0, gt=0, description="Cores that a trial occupies.")
    grace: int = Field(default=1, ge=1, description="Epochs that every trial gets.")
    reduction: int = Field(default=3, ge=2, description="ASHA keeps one in so many at each rung.")
    dimensions: tuple[int, ...] = Field(default=(64, 128), description="Lengths of a factor tried.")
    batches: tuple[int, ...] = Field(default=(8_192, 16_384), description="Batches tried; torch alone has any.")
    ray_address: str | None = Field(default=None, description="An existing cluster; otherwise a local one is started.")
    seed: int = Field(default=1, ge=0, description="Of the searcher.")


def bpr_space(base: TrainingConfig, settings: SearchSettings, libraries: bool) -> Space:
    """What may be tried of each setting; a joint start needs libraries."""
    space: Space = {
        "dimension": Choice(settings.dimensions),
        "learning_rate": Search(*_RATES[base.optimiser == "adam"], log=True),
        "decay": Search(*_DECAYS),
        "l2": Search(*_PENALTIES, log=True),
        "mix": Choice(tuple(MIXES)),
        "alpha": Search(0.0, 1.0),
        "start": Choice(("random", "als", "joint") if libraries else ("random", "als")),
        "item_bias": Choice((False, True)),
    }
    if base.backend == "torch":
        space["batch_size"] = Choice(settings.batches)
    return space


def beginning(base: TrainingConfig, settings: SearchSettings, *, libraries: bool) -> list[dict[str, Any]]:
    """The first point tried: `base` itself, if the space holds it, so that a search can only improve on it."""
    mix = {name: n for name, n in base.negatives.model_dump().items() if name in _SOURCES and n}
    named = [name for name, counts in MIXES.items() if counts == mix]
    if not named or base.dimension not in settings.dimensions or (base.start == "joint" and not libraries):
        return []
    low, high = _RATES[base.optimiser == "adam"]
    point: dict[str, Any] = {
        "dimension": base.dimension,
        "learning_rate": min(max(base.learning_rate, low), high),
        "decay": min(max(base.decay, _DECAYS[0]), _DECAYS[1]),
        "l2": min(max(base.l2, _PENALTIES[0]), _PENALTIES[1]),
        "mix": named[0],
        "alpha": base.negatives.alpha,
        "start": base.start,
        "item_bias": base.item_bias,
    }
    if base.backend == "torch":
        point["batch_size"] = min(settings.batches, key=lambda size: abs(size - base.batch_size))
    return [point]


def chosen_config(base: TrainingConfig, point: dict[str, Any], *, epochs: int, pools: bool) -> TrainingConfig:
    """The configuration of a point of the search space; `pools` says whether hard and easy ones can be drawn anew."""
    values = dict(point)
    mix = MIXES[values.pop("mix")]
    negatives = NegativeMix(**mix, alpha=values.pop("alpha"), resample=pools or "hard" not in mix)
    return TrainingConfig.model_validate(base.model_dump() | values | {"negatives": negatives, "epochs": epochs})

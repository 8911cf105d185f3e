"""Configuration of one BPR training: model, negatives, optimiser and how long it goes on.

Light on purpose (pydantic alone), so that definitions may import it.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

STORED_NEGATIVES = 4
"""Negatives that a user-block carries; the first half come from the hard pool, the rest from the easy one."""

Backend = Literal["numba", "torch"]
Optimiser = Literal["sgd", "adagrad", "adam"]
Start = Literal["random", "als", "joint"]


class NegativeMix(BaseModel):
    """How many negatives each positive meets, and where they come from.

    `hard` and `easy` are a user's own overlap pools; `uniform` is any playlist; `popular` is a playlist drawn by
    (train likers)^alpha. Uniform and popular negatives are never a train like of that user.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hard: int = Field(default=0, ge=0, le=8, description="Negatives from the user's hard pool.")
    easy: int = Field(default=0, ge=0, le=8, description="Negatives from the user's easy pool.")
    uniform: int = Field(default=0, ge=0, le=8, description="Negatives from the whole catalogue, all equally likely.")
    popular: int = Field(default=0, ge=0, le=8, description="Negatives drawn by popularity to the power alpha.")
    alpha: float = Field(default=0.5, ge=0.0, le=1.0, description="Exponent of the popularity.")
    resample: bool = Field(default=True, description="Draw anew in each epoch; otherwise once for the whole training.")

    @property
    def count(self) -> int:
        """Negatives that each positive meets."""
        return self.hard + self.easy + self.uniform + self.popular

    @property
    def stored(self) -> bool:
        """Whether hard and easy negatives are those stored in the blocks (never drawn again)."""
        return not self.resample

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not 1 <= self.count <= 8:
            raise ValueError(f"negatives: hard + easy + uniform + popular must be 1 to 8, not {self.count}")
        half = STORED_NEGATIVES // 2
        if not self.resample and (self.hard > half or self.easy > half):
            raise ValueError(
                f"negatives: a block stores {half} hard and {half} easy ones; set resample=true to draw more of either"
            )
        return self


class TrainingConfig(BaseModel):
    """Everything that decides the weights of a model, given the data.

    `learning_rate` is per sample for `sgd` and `adagrad` (gradients of a batch are summed); `adam` does not depend
    on the scale of the gradient. `batch_size` counts samples (positive, negative) and concerns torch alone:
    the numba kernel steps after each positive.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Backend = Field(default="numba", description="numba: grouped kernel on the CPU; torch: CUDA if there is.")
    dimension: int = Field(default=128, ge=2, le=1024, description="Length of a factor, the bias column included.")
    epochs: int = Field(default=5, ge=1, le=200, description="Passes over the blocks.")
    batch_size: int = Field(default=16_384, ge=1, description="Samples in a step of torch.")
    learning_rate: float = Field(default=0.02, gt=0.0, description="Step size in the first epoch.")
    decay: float = Field(default=1.0, gt=0.0, le=1.0, description="Factor on the learning rate after each epoch.")
    l2: float = Field(default=0.0, ge=0.0, description="Penalty on the rows that a step touches.")
    optimiser: Optimiser = Field(default="sgd", description="adagrad keeps one number a row; adam needs torch.")
    negatives: NegativeMix = Field(default_factory=lambda: NegativeMix(uniform=2, popular=2))
    item_bias: bool = Field(default=False, description="The last column of users is 1, that of playlists a bias.")
    start: Start = Field(default="random", description="als: of likes; joint: of likes and libraries.")
    start_scale: float = Field(default=0.1, gt=0.0, description="Standard deviation of random factors.")
    als_iterations: int = Field(default=8, ge=1, le=50, description="Sweeps of ALS before BPR, when it starts from it.")
    als_alpha: float = Field(default=1.0, gt=0.0, description="Weight of a like beyond a non-like's 1, in ALS.")
    als_l2: float = Field(default=0.05, gt=0.0, description="Ridge of ALS.")
    als_scale: float = Field(default=2.0, gt=0.0, description="Factor on ALS scores when BPR starts from them.")
    patience: int | None = Field(default=None, ge=1, description="Stop after so many epochs without a better MRR.")
    threads: int = Field(default=1, ge=1, description="1 is deterministic; more is hogwild, and differs between runs.")
    seed: int = Field(default=20_250_514, ge=0, description="Of the starting factors, the order and the negatives.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.optimiser == "adam" and self.backend != "torch":
            raise ValueError("optimiser=adam keeps two numbers a weight and runs on backend=torch alone")
        return self


PUBLISHED = TrainingConfig(
    backend="torch",
    dimension=128,
    epochs=5,
    batch_size=16_384,
    learning_rate=0.005,
    optimiser="adam",
    negatives=NegativeMix(hard=2, easy=2, resample=False),
)
"""The published recipe: hard and easy negatives fixed before training, Adam, 5 epochs."""

BEST = TrainingConfig(
    learning_rate=0.02,
    decay=0.8,
    negatives=NegativeMix(uniform=2, popular=2, alpha=0.5),
    item_bias=True,
    start="joint",
    als_alpha=10.0,
    als_scale=4.0,
)
"""The best found on the validation splits of both worlds; `python -m benchmarks quality` shows the evidence."""

PRESETS: dict[str, TrainingConfig] = {"published": PUBLISHED, "best": BEST}

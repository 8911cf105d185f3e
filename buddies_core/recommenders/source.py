"""One model of several, as a configuration names it; nothing heavy is imported for that."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Source(BaseModel):
    """One model of several: its class, its configuration, and its weight in a sum of standardised scores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="Class of the recommender, such as `WeightedAls`.")
    config: dict[str, Any] = Field(default_factory=dict, description="Fields of its configuration.")
    weight: float = Field(default=1.0, description="In the sum; 0 keeps it as a feature of the ranker alone.")

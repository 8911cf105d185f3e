"""Configuration of the artists system: how plays and tags are read as weights, and which model is served.

The defaults were chosen by cross-validation within the training rows of one split of the HetRec Last.fm data.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from buddies_core.recommenders.source import Source
from buddies_core.tuning.space import Search


class ArtistsConfig(BaseModel):
    """Everything that decides the recommendations, given plays and tags. `tune()` searches the marked fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank_power: Annotated[float, Search(0.0, 0.4)] = Field(
        default=0.15, ge=0.0, le=2.0, description="A play weighs (1 / rank among the listener's)^power."
    )
    fewest_tags: int = Field(default=30, ge=1, description="Times that a tag must have been given to count.")
    ease_ridge: Annotated[float, Search(10.0, 60.0, log=True)] = Field(
        default=28.0, gt=0.0, description="See DualEase."
    )
    ease_popularity: Annotated[float, Search(0.1, 0.3)] = Field(
        default=0.21, ge=0.0, le=1.0, description="See DualEase."
    )
    ease_dropout: Annotated[float, Search(0.0, 0.8)] = Field(default=0.3, ge=0.0, le=10.0, description="See DualEase.")
    ease_tags: Annotated[float, Search(0.1, 0.8)] = Field(
        default=0.5, ge=0.0, description="Weight of tags in DualEase."
    )
    als_factors: Annotated[int, Search(64, 224, step=32)] = Field(default=192, ge=1, description="See WeightedAls.")
    als_alpha: Annotated[float, Search(6.0, 30.0, log=True)] = Field(
        default=13.0, gt=0.0, description="See WeightedAls."
    )
    als_ridge: Annotated[float, Search(20.0, 70.0, log=True)] = Field(
        default=38.0, gt=0.0, description="See WeightedAls."
    )
    als_tags: Annotated[float, Search(0.2, 1.2)] = Field(
        default=0.6, ge=0.0, description="Weight of tags in WeightedAls."
    )
    ranked: bool = Field(default=True, description="Whether trees rank what the sources propose, or the blend stands.")
    trees: int = Field(default=160, ge=1, description="See Ranker.")
    seed: int = Field(default=0, ge=0, description="Of factors, folds and trees.")

    @property
    def sources(self) -> tuple[Source, ...]:
        """The models that propose artists."""
        ease: dict[str, Any] = {
            "ridge": self.ease_ridge,
            "popularity_power": self.ease_popularity,
            "dropout": self.ease_dropout,
            "feature_weight": self.ease_tags,
        }
        als: dict[str, Any] = {
            "factors": self.als_factors,
            "alpha": self.als_alpha,
            "ridge": self.als_ridge,
            "feature_weight": self.als_tags,
            "seed": self.seed,
        }
        return (
            Source(model="DualEase", config=ease),
            Source(model="WeightedAls", config=als, weight=0.7),
            Source(model="PureSvd", weight=0.2),
            Source(model="RandomWalk", weight=0.0),
            Source(model="Content", weight=0.0),
        )

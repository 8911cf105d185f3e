"""The configuration of GraphSAGE."""

from pydantic import BaseModel, ConfigDict, Field


class SageConfig(BaseModel):
    """Everything that decides a network, given the graph."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=64, ge=2, le=512, description="Length of a vector.")
    epochs: int = Field(default=30, ge=1, le=500, description="Times that each playlist is taken.")
    playlists: int = Field(default=128, ge=1, description="Playlists in a step.")
    targets: int = Field(default=24, ge=1, description="Songs of a playlist that are asked for in a step.")
    negatives: int = Field(default=1_024, ge=2, description="Shared by all targets of a step.")
    learning_rate: float = Field(default=0.003, gt=0, description="Of Adagrad for vectors; it falls to a tenth.")
    dense_rate: float = Field(default=0.005, gt=0, description="Of Adam for matrices.")
    pointwise: float = Field(default=0.3, ge=0, description="Weight of the cross-entropy of links beside the softmax.")
    partly: float = Field(
        default=0.7, ge=0, le=1, description="Share of playlists that show some of their songs alone."
    )
    exponent: float = Field(default=0.75, description="Of popularity, when negatives are drawn by it.")
    als_alpha: float = Field(default=20.0, gt=0, description="Of the ALS that vectors start from.")
    als_l2: float = Field(default=10.0, gt=0, description="Of the ALS that vectors start from.")
    threads: int = Field(default=1, ge=1, description="Give the same bits whatever their number.")
    seed: int = Field(default=20_250_514, ge=0)

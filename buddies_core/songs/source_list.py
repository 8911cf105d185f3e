"""The sources of candidates by name: what each is made of and learns from. Nothing heavy is imported for that."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from buddies_core.recommenders.source import Source

Reads = Literal["plays", "playlists", "lately"]
Side = Literal["none", "rows", "descriptions", "artists"]


class SongSource(BaseModel):
    """A source of candidates: a model, what it is fitted on, and its weight in the blend."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="What tables call it.")
    source: Source = Field(description="Model and configuration; its weight is that in the blend.")
    reads: Reads = Field(
        default="plays", description="Rows that it learns from; `lately`: plays of the last 30 days, where dated."
    )
    side: Side = Field(default="none", description="Side information beside them.")


def _source(
    name: str, model: str, weight: float, reads: Reads = "plays", side: Side = "none", **config: Any,
) -> SongSource:  # fmt: skip
    return SongSource(name=name, source=Source(model=model, config=config, weight=weight), reads=reads, side=side)


SOURCES = (
    _source("EASE with artists", "DualEase", 2.0, side="rows",
            ridge=100.0, dropout=0.3, popularity_power=0.1, feature_weight=1.0, precision="single"),
    _source("EASE for the rare", "DualEase", 1.0, side="rows",
            ridge=250.0, dropout=0.3, popularity_power=0.25, feature_weight=1.0, precision="single"),
    _source("EASE", "DualEase", 0.3, ridge=150.0, dropout=0.3, popularity_power=0.1, precision="single"),
    _source("ALS", "WeightedAls", 0.7, side="rows", factors=64, alpha=8.0, ridge=8.0, sweeps=12, feature_weight=0.4),
    _source("BPR", "BprFactors", 0.2, factors=64, rate=0.05, epochs=40),
    _source("random walk", "RandomWalk", 0.6, side="rows", beta=0.3, feature_weight=0.6),
    _source("item neighbours", "ItemKnn", 0.5, alpha=0.5, shrink=5.0),
    _source("user neighbours", "UserKnn", 0.4, neighbours=80),
    _source("Item2Item", "Item2Item", 0.1, side="descriptions", factors=100),
    _source("words", "Content", 0.2, side="descriptions"),
    _source("MPD playlists", "ItemKnn", 0.1, reads="playlists", shrink=2.0),
    _source("popular", "Popular", 0.1),
    _source("popular lately", "Popular", 0.05, reads="lately"),
    _source("artists known", "ArtistItems", 0.05, side="artists"),
)  # fmt: skip
"""Weights and configurations chosen on cuts inside real plays; which, is said in docs/songs.md."""

NARROW = (
    _source("EASE with artists", "DualEase", 2.0, side="rows", ridge=100.0, dropout=0.3, popularity_power=0.1,
            feature_weight=1.0, exact_rows=0, neighbours=100),
    _source("ALS", "WeightedAls", 0.7, factors=64, alpha=8.0, ridge=8.0, sweeps=12),
    _source("BPR", "BprFactors", 0.2, factors=64, rate=0.05, epochs=10),
    _source("random walk", "RandomWalk", 0.6, side="rows", beta=0.3, feature_weight=0.6, exact_rows=0),
    _source("item neighbours", "ItemKnn", 0.5, alpha=0.5, shrink=5.0),
    _source("Item2Item", "Item2Item", 0.1, side="descriptions", factors=100),
    _source("MPD playlists", "ItemKnn", 0.1, reads="playlists", shrink=2.0),
    _source("popular", "Popular", 0.1),
    _source("popular lately", "Popular", 0.05, reads="lately"),
    _source("artists known", "ArtistItems", 0.05, side="artists"),
)  # fmt: skip
"""Of those, for many listeners and songs, what can be asked without a score for every song: EASE and the random walk
by each song's nearest, BPR of fewer epochs, and neither user neighbours nor words, which say something of all songs."""

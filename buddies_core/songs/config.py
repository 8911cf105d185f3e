"""Everything that decides which songs are recommended, given plays and facts."""

from pydantic import BaseModel, ConfigDict, Field

from buddies_core.songs.source_list import NARROW, SOURCES, SongSource
from buddies_core.songs.trees import KINDS, Kind

EVERY_SONG = 2_000_000_000
"""Listeners x songs up to which every song is scored for every listener: an hour of one core."""


class SongsConfig(BaseModel):
    """Everything that decides the recommendations, given plays and facts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[SongSource, ...] = Field(default=SOURCES, min_length=1)
    candidates: int = Field(default=1_000, ge=1, le=2_000, description="Songs ranked for a listener.")
    folds: int = Field(
        default=4, ge=2, le=20, description="Parts of the listeners, each asked without having been seen."
    )
    hidden: float = Field(default=0.5, gt=0.0, lt=1.0, description="Share of a listener's songs that a fold hides.")
    listeners: int = Field(default=6_000, ge=1, description="Listeners that rankers learn from at most.")
    kinds: tuple[Kind, ...] = Field(default=KINDS, description="Kinds of trees; none: the blend stands.")
    trees: int = Field(default=250, ge=1, le=5_000, description="Of each ranker.")
    all_of_best: int = Field(default=200, ge=1, description="Candidates of which trees see all.")
    thin: int = Field(default=4, ge=1, description="Of the others that were not played they see one in so many.")
    half_life: float = Field(
        default=60.0, gt=0.0, description="Days in which a play loses half its weight, where dated."
    )
    threads: int = Field(default=2, ge=1, description="Of the trees.")
    seed: int = Field(default=0, ge=0, description="Of folds and trees.")
    narrow: bool = Field(
        default=False,
        description="Only songs that a source of neighbours names are scored, not every song for every listener.",
    )

    def at_size(self, listeners: int, songs: int) -> "SongsConfig":
        """The same, or what many listeners and songs allow: beyond `EVERY_SONG` sources are `NARROW`.

        Then 400 songs a listener are ranked by trees of two folds, which is a tenth of the work for each.
        """
        if self.narrow or listeners * songs <= EVERY_SONG:
            return self
        return self.model_copy(
            update={
                "sources": NARROW, "candidates": min(self.candidates, 400), "folds": 2, "kinds": self.kinds[:1],
                "narrow": True,
            }
        )  # fmt: skip

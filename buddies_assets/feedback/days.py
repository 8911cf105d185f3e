"""Feedback in PostgreSQL to stored days of blocks, and stored days to the window that a model is trained on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from upath import UPath

from buddies_assets.feedback.session_blocks import BLOCKS, Known, in_window, to_blocks
from buddies_assets.feedback.sessions import days_between, sessions_of
from buddies_assets.feedback.window import Window
from buddies_core.registry.watermark import Watermark, day_counts
from buddies_core.settings import Settings
from buddies_core.storage.code_version import code_version
from buddies_core.storage.datasets import Dataset, DatasetStore, Manifest, Recipe
from buddies_core.storage.forgotten import ForgottenIds

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

FEEDBACK_BLOCKS, QUARANTINED, WINDOW = "feedback_blocks", "quarantined_feedback", "training_window"
NEGATIVES = 4


@dataclass(frozen=True)
class StoredDay:
    """A day of feedback as it was stored: sessions read, blocks and quarantined sessions made of them.

    `versions` holds the fingerprint of either dataset; `forgotten` counts sessions of users who were forgotten, which
    a service or a backup stored since and which are left out.
    """

    day: date
    sessions: int
    blocks: int
    quarantined: int
    versions: Mapping[str, str]
    forgotten: int = 0


@dataclass(frozen=True)
class FeedbackDays:
    """The stored days of feedback, and how they are brought up to date from PostgreSQL."""

    store: DatasetStore
    seed: int
    run_id: str
    reuse: bool = True

    @cached_property
    def forgotten(self) -> ForgottenIds:
        """Users whose sessions are left out."""
        return ForgottenIds.at(str(self.store.root.parent))

    def stored(self, name: str, day: date) -> Dataset | None:
        """One stored day of `feedback_blocks` or `quarantined_feedback`."""
        folder = self._folder(name, day)
        manifest = folder / "manifest.json"
        return Dataset(folder, Manifest.parse(manifest.read_text())) if manifest.exists() else None

    def refresh(self, connection: "Connection", days: list[date]) -> Iterator[StoredDay]:
        """Read and store those of the days that changed.

        These are new ones, ones with late sessions, ones of older libraries or older code, ones that are not whole;
        without `reuse` all.
        """
        counts = day_counts(connection, days[0], days[-1])
        for day in days:
            count = counts.get(day.isoformat(), 0)
            stored = (self._folder(FEEDBACK_BLOCKS, day) / "manifest.json").exists()
            if (stored or count) and not self._is_current(day, count):
                yield self.rebuild(connection, day)

    def rebuild(self, connection: "Connection", day: date) -> StoredDay:
        """Read a day's sessions and store its blocks, whatever is stored."""
        sessions = sessions_of(connection, day)
        theirs = self.forgotten.mask(sessions["user_key"])
        made = to_blocks(sessions.filter(~theirs), self._known(), seed=self.seed)
        # The blocks come last: their manifest is what says that the day is stored.
        versions = {}
        for name, frame in ((QUARANTINED, made.quarantined), (FEEDBACK_BLOCKS, made.blocks)):
            recipe = self._recipe(name, day, sessions.height)
            writer = self.store.writer(recipe, self.run_id, self._folder(name, day))
            versions[name] = writer.commit([writer.write_shard(0, frame)]).fingerprint
        return StoredDay(day, sessions.height, made.blocks.height, made.quarantined.height, versions, int(theirs.sum()))

    def watermark(self, window: Window) -> Watermark:
        """What the stored days of the window were made of."""
        days = {}
        for day in days_between(window.first_day, window.last_day):
            stored = self.stored(FEEDBACK_BLOCKS, day)
            if stored is not None:
                days[day.isoformat()] = int(stored.manifest.params["sessions"])
        return Watermark(days)

    def window(self, window: Window, *, weight: float) -> pl.DataFrame:
        """The blocks of the window with their copies (columns of `BLOCKS` and `copies`)."""
        days = days_between(window.first_day, window.last_day)
        parts = [stored.frame() for day in days if (stored := self.stored(FEEDBACK_BLOCKS, day)) is not None]
        blocks = pl.concat([pl.DataFrame(schema=BLOCKS), *parts])
        return in_window(blocks, window, weight=weight, seed=self.seed)

    def _folder(self, name: str, day: date) -> UPath:
        return self.store.folder(name) / day.isoformat()

    def _is_current(self, day: date, sessions: int) -> bool:
        """Whether both datasets of a day are stored whole, of these sessions, by this code."""
        if not self.reuse:
            return False
        recipes = {name: self._recipe(name, day, sessions) for name in (FEEDBACK_BLOCKS, QUARANTINED)}
        return all(self.store.reusable(recipe, self._folder(name, day)) for name, recipe in recipes.items())

    def _known(self) -> Known:
        return Known(
            self.store.open("user_library").frame(["user", "user_id"]),
            self.store.open("playlist_library").frame(["playlist", "pid"]),
            self.store.open("playlist_ownership").frame(["playlist", "owner"]),
        )

    def _recipe(self, name: str, day: date, sessions: int) -> Recipe:
        inputs = {
            library: self.store.open(library).fingerprint
            for library in ("user_library", "playlist_library", "playlist_ownership")
        }
        params: dict[str, str | int] = {"day": day.isoformat(), "sessions": sessions, "seed": self.seed}
        if self.forgotten:
            params["forgotten"] = self.forgotten.digest
        return Recipe(name, code_version(__name__), inputs, params)


def window_of(settings: Settings, now: datetime) -> Window:
    """The window that the settings describe, at a moment."""
    days = settings.feedback_window_days
    return Window(now, days, min(days, settings.feedback_phase_days))


def train_rows(window: pl.DataFrame) -> pl.DataFrame:
    """The window's train blocks, repeated as often as they count, negatives padded with null to four."""
    rows = window.filter(pl.col("split") == "train")
    rows = rows[np.repeat(np.arange(rows.height), rows["copies"].to_numpy())]
    padded = pl.concat_list("negatives", pl.lit([None] * NEGATIVES, pl.List(pl.UInt32))).list.head(NEGATIVES)
    return rows.select("user", "positive", negatives=padded)

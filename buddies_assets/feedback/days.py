"""What listeners send to stored days of it, and stored days of blocks to the window that a model is trained on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from upath import UPath

from buddies_assets.feedback.session_blocks import BLOCKS, Converted, Known, in_window, to_blocks
from buddies_assets.feedback.sessions import days_between, sessions_of
from buddies_assets.feedback.window import Window
from buddies_core.registry.watermark import Watermark, day_counts
from buddies_core.settings import Settings
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.forgotten import ForgottenIds
from buddies_core.storage.manifest import CacheKey, Manifest

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

FEEDBACK_BLOCKS, QUARANTINED, WINDOW = "feedback_blocks", "quarantined_feedback", "training_window"
NEGATIVES = 4
LIBRARIES = ("user_library", "playlist_library", "playlist_ownership")


@dataclass(frozen=True)
class DaySource:
    """What is stored by day, and how a day is read and split into what is kept and what is set aside.

    Attributes:
        kept, quarantined: names of the two datasets.
        module: where the code of it lies, for its version.
        libraries: datasets that a day is translated with; a day of older ones is made again.
        counts: rows by ISO day of creation (UTC), from a day to a day.
        read: the rows of a day, with the 40-hex id of whose they are in `user_key`.
        convert: rows, the store and the seed to both tables.
    """

    kept: str
    quarantined: str
    module: str
    libraries: tuple[str, ...]
    counts: Callable[["Connection", date, date], dict[str, int]]
    read: Callable[["Connection", date], pl.DataFrame]
    convert: Callable[[pl.DataFrame, DatasetStore, int], Converted]


def known_to(store: DatasetStore) -> Known:
    """What translates the names in feedback to rows of the stored libraries."""
    return Known(
        store.open("user_library").frame(["user", "user_id"]),
        store.open("playlist_library").frame(["playlist", "pid"]),
        store.open("playlist_ownership").frame(["playlist", "owner"]),
    )


SESSIONS = DaySource(
    *(FEEDBACK_BLOCKS, QUARANTINED, __name__, LIBRARIES, day_counts, sessions_of),
    lambda sessions, store, seed: to_blocks(sessions, known_to(store), seed=seed),
)
"""Sessions of playlists shown, as blocks."""


@dataclass(frozen=True)
class StoredDay:
    """A day as it was stored: rows read (`sessions`), and what was kept (`blocks`) and quarantined of them.

    `waiting` are sessions of listeners who are in no library yet: the next one has them, and makes the day again.

    `versions` holds the fingerprint of either dataset; `forgotten` counts sessions of users who were forgotten, which
    a service or a backup stored since and which are left out.
    """

    day: date
    sessions: int
    blocks: int
    quarantined: int
    versions: Mapping[str, str]
    forgotten: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class FeedbackDays:
    """The stored days of what listeners send, and how they are brought up to date from PostgreSQL."""

    store: DatasetStore
    seed: int
    run_id: str
    reuse: bool = True
    source: DaySource = SESSIONS

    @cached_property
    def forgotten(self) -> ForgottenIds:
        """Users whose sessions are left out."""
        return ForgottenIds.at(str(self.store.root.parent))

    def stored(self, name: str, day: date) -> Dataset | None:
        """One stored day of either dataset."""
        folder = self._folder(name, day)
        manifest = folder / "manifest.json"
        return Dataset(folder, Manifest.parse(manifest.read_text())) if manifest.exists() else None

    def refresh(self, connection: "Connection", days: list[date]) -> Iterator[StoredDay]:
        """Read and store those of the days that changed.

        These are new ones, ones with late sessions, ones of older libraries or older code, ones that are not whole;
        without `reuse` all.
        """
        counts = self.source.counts(connection, days[0], days[-1])
        for day in days:
            count = counts.get(day.isoformat(), 0)
            stored = (self._folder(self.source.kept, day) / "manifest.json").exists()
            if (stored or count) and not self._is_current(day, count):
                yield self.rebuild(connection, day)

    def rebuild(self, connection: "Connection", day: date) -> StoredDay:
        """Read a day's rows and store what is made of them, whatever is stored."""
        sessions = self.source.read(connection, day)
        theirs = self.forgotten.mask(sessions["user_key"])
        made = self.source.convert(sessions.filter(~theirs), self.store, self.seed)
        # What is kept comes last: its manifest is what says that the day is stored.
        versions = {}
        for name, frame in ((self.source.quarantined, made.quarantined), (self.source.kept, made.blocks)):
            cache_key = self._cache_key(name, day, sessions.height)
            writer = self.store.writer(cache_key, self.run_id, self._folder(name, day))
            versions[name] = writer.commit([writer.write_shard(0, frame)]).fingerprint
        counts = made.blocks.height, made.quarantined.height
        return StoredDay(day, sessions.height, *counts, versions, int(theirs.sum()), made.waiting)

    def watermark(self, window: Window) -> Watermark:
        """What the stored days of the window were made of."""
        return self.watermark_of(days_between(window.first_day, window.last_day))

    def watermark_of(self, between: list[date]) -> Watermark:
        """How many rows each of the days was made of."""
        days = {}
        for day in between:
            stored = self.stored(self.source.kept, day)
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
        cache_keys = {
            name: self._cache_key(name, day, sessions) for name in (self.source.kept, self.source.quarantined)
        }
        return all(self.store.reusable(cache_key, self._folder(name, day)) for name, cache_key in cache_keys.items())

    def _cache_key(self, name: str, day: date, sessions: int) -> CacheKey:
        inputs = {library: self.store.open(library).fingerprint for library in self.source.libraries}
        params: dict[str, str | int] = {"day": day.isoformat(), "sessions": sessions, "seed": self.seed}
        if self.forgotten:
            params["forgotten"] = self.forgotten.digest
        return CacheKey(name, code_version(self.source.module), inputs, params)


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

"""The plays of the file, and after them what listeners played since."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from buddies_core.storage.dataset import Dataset


@dataclass(frozen=True)
class PlaysSince:
    """Plays as they were read, and after them what listeners played since.

    Attributes:
        plays: `user_id, song_id` among its columns, in shards.
        since: one row a listener and song, `user_id, song_id`.
        listeners: 40-hex ids of those who are users also without a song.
    """

    plays: Dataset
    since: pl.DataFrame
    listeners: pl.Series

    @classmethod
    def of(cls, plays: Dataset, listener_plays: Dataset, songs: Dataset) -> "PlaysSince":
        """What the stored datasets hold; a song that is named by its key alone goes by an id that the index knows.

        Songs that the index lacks are left out: a library holds none that was never played in the file.
        """
        played = songs.part("played").select("song_id")
        by_key = songs.frame(["key", "song_ids"]).select(song_key="key", first_id=pl.col("song_ids").list.first())
        since = listener_plays.frame(["user_id", "song_id", "song_key"]).join(by_key, on="song_key", how="left")
        named = since.select("user_id", song_id=pl.coalesce("song_id", "first_id"))
        known = named.join(played, on="song_id", how="semi").unique().sort("user_id", "song_id")
        return cls(plays, known, listener_plays.part("listeners")["user_id"])

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.plays.name

    def shards(self, columns: list[str]) -> Iterator[pl.DataFrame]:
        """The shards of the plays, and one more for what came since."""
        yield from self.plays.shards(columns)
        if self.since.height:
            yield self.since.select(columns)

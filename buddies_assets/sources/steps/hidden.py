"""Plays hidden from everything that learns, so that listeners can be asked what they think of it.

Whether a play is hidden is a function of (seed, user id, song id) alone: it stays so whatever else is played, by whom,
and in what order the file stands.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from buddies_core.kernels.randomness import HIDDEN, uniform
from buddies_core.storage.dataset import Dataset


def hashes(ids: Iterable[str]) -> np.ndarray:
    """64 bits of each id, uint64."""
    digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ids)
    return np.frombuffer(b"".join(digests), "<u8")


@dataclass(frozen=True)
class HiddenPlays:
    """The rule by which plays are hidden: the share `share` of them, by a hash with the seed `seed`."""

    seed: int
    share: float
    _of_song: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, hidden_plays: Dataset) -> "HiddenPlays":
        """The rule that a stored dataset was made by."""
        params = hidden_plays.manifest.params
        return cls(params["seed"], params["share"])

    def mask(self, plays: pl.DataFrame) -> np.ndarray:
        """Which rows are hidden, bool [rows]; of the columns `user_id` and `song_id`."""
        if not self.share or not plays.height:
            return np.zeros(plays.height, bool)
        runs = plays["user_id"].rle().struct.unnest()
        users = np.repeat(hashes(runs["value"].to_list()), runs["len"].to_numpy())
        distinct = plays["song_id"].unique()
        unknown = [song for song in distinct.to_list() if song not in self._of_song]
        self._of_song.update(zip(unknown, hashes(unknown).tolist(), strict=True))
        of_song = pl.DataFrame(
            {"song_id": distinct, "hash": pl.Series([self._of_song[s] for s in distinct.to_list()], dtype=pl.UInt64)}
        )
        songs = plays.select("song_id").join(of_song, on="song_id", how="left", maintain_order="left")["hash"]
        return uniform(self.seed, HIDDEN, users, songs.to_numpy()) < self.share

    def visible(self, plays: pl.DataFrame) -> pl.DataFrame:
        """The rows that are not hidden."""
        return plays.filter(~self.mask(plays)) if self.share else plays

    def hidden(self, plays: pl.DataFrame) -> pl.DataFrame:
        """`user_id, song_id` of the rows that are."""
        return plays.select("user_id", "song_id").filter(self.mask(plays))


EVERYTHING_VISIBLE = HiddenPlays(0, 0.0)
"""Hides nothing."""

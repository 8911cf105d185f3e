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


class _SongHashes:
    """The hash of every song that was met, made once."""

    def __init__(self) -> None:
        self._made = pl.DataFrame(schema={"song_id": pl.String(), "hash": pl.UInt64()})

    def of(self, songs: pl.DataFrame) -> np.ndarray:
        """Of each row of a frame with the one column `song_id`, uint64."""
        found = self._looked_up(songs)
        if found.null_count():
            new = songs["song_id"].filter(found.is_null()).unique()
            self._made = pl.concat([self._made, pl.DataFrame({"song_id": new, "hash": hashes(new.to_list())})])
            found = self._looked_up(songs)
        return found.to_numpy()

    def _looked_up(self, songs: pl.DataFrame) -> pl.Series:
        return songs.join(self._made, on="song_id", how="left", maintain_order="left")["hash"]


@dataclass(frozen=True)
class HiddenPlays:
    """The rule by which plays are hidden: the share `share` of them, by a hash with the seed `seed`."""

    seed: int
    share: float
    _songs: _SongHashes = field(default_factory=_SongHashes, repr=False, compare=False)

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
        songs = self._songs.of(plays.select("song_id"))
        return uniform(self.seed, HIDDEN, users, songs) < self.share

    def visible(self, plays: pl.DataFrame) -> pl.DataFrame:
        """The rows that are not hidden."""
        return plays.filter(~self.mask(plays)) if self.share else plays

    def hidden(self, plays: pl.DataFrame) -> pl.DataFrame:
        """`user_id, song_id` of the rows that are."""
        return plays.select("user_id", "song_id").filter(self.mask(plays))


EVERYTHING_VISIBLE = HiddenPlays(0, 0.0)
"""Hides nothing."""

"""From text to matrices: the song index applied to users and playlists, one shard of rows at a time.

A library holds the shared songs; its *length* is what scores count: all distinct songs, or the shared ones alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from buddies_assets.sources.steps.hidden import EVERYTHING_VISIBLE, HiddenPlays
from buddies_assets.sources.steps.plays_since import PlaysSince
from buddies_core.errors import BuddiesError
from buddies_core.interactions import numbers
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.kernels.entity_keys import id_keys
from buddies_core.kernels.randomness import uniform
from buddies_core.storage.dataset import Dataset

_USER_SHARE = 0x5348


def distinct_tracks(mpd_tracks: Dataset) -> pl.DataFrame:
    """Every text of every track URI of the playlists once: `track_uri, track_name, artist_name`, in no given order."""
    return mpd_tracks.scan().select("track_uri", "track_name", "artist_name").unique().collect(engine="streaming")


def played_songs(entp_plays: Dataset, hidden: HiddenPlays = EVERYTHING_VISIBLE) -> pl.Series:
    """Every song id that some user is seen to have played, sorted."""
    columns = ["user_id", "song_id"] if hidden.share else ["song_id"]
    ids = [hidden.visible(shard)["song_id"].unique() for shard in entp_plays.shards(columns)]
    return pl.concat(ids).unique().sort()


class SongIndexError(BuddiesError, LookupError):
    """A song index of other data than the plays or tracks that it is applied to."""


Lengths = Literal["all", "shared"]
"""Which songs s and p count."""


def user_library(
    entp_plays: Dataset | PlaysSince,
    songs: Dataset,
    register: pl.DataFrame,
    *,
    lengths: Lengths,
    share: float = 1.0,
    seed: int = 0,
    hidden: HiddenPlays = EVERYTHING_VISIBLE,
) -> tuple[LabelledLibrary, pl.DataFrame]:
    """Which shared songs each user is seen to have played, and the register of numbers with those of new users added.

    Every user of the file has a row, and so has every listener who sent something since, sorted by their 40-hex id:
    `user, user_id, songs, length, number`.
    With a `share` below 1 so many of the users, those whose id has a low hash: the same whoever else there is.
    """
    entries = _entries(entp_plays, "user_id", "song_id", songs, "played", hidden)
    also = [entp_plays.listeners] if isinstance(entp_plays, PlaysSince) else []
    users = sampled(pl.concat([entries.owners, *also]).unique().sort(), share, seed=seed)
    register = numbers.extended(register, users)
    library, index = entries.library(users, lengths)
    index = index.join(register, on="user_id", how="left", maintain_order="left")
    return LabelledLibrary(library, index.with_row_index("user"), songs.frame(["key"])["key"]), register


def playlist_library(mpd_tracks: Dataset, songs: Dataset, *, lengths: Lengths) -> LabelledLibrary:
    """Which shared songs each playlist holds: `playlist, pid, songs, length`.

    Only playlists with at least one shared song have a row, sorted by pid.
    """
    entries = _entries(mpd_tracks, "pid", "track_uri", songs, "tracks")
    playlists = entries.owners.filter(entries.shares_a_song()).unique().sort()
    library, index = entries.library(playlists, lengths)
    return LabelledLibrary(library, index.with_row_index("playlist"), songs.frame(["key"])["key"])


def sampled(ids: pl.Series, share: float, *, seed: int) -> pl.Series:
    """The ids whose hash with the seed lies in the first `share` of all hashes."""
    if share >= 1.0:
        return ids
    keys = id_keys(np.array(ids.to_list(), dtype="S"))
    return ids.filter(pl.Series(uniform(seed, _USER_SHARE, keys) < share))


@dataclass(frozen=True)
class _Entries:
    """The rows of a dataset by *run*: consecutive rows of one user or playlist in a shard.

    Attributes:
        owners: whose each run is; one whose rows do not stand together has several.
        parts: of each shard, the run and the song of every row, uint32.
        shared: songs below this number are in both sources.
        numbered: one more than the highest number of a song.
    """

    owners: pl.Series
    parts: list[tuple[np.ndarray, np.ndarray]]
    shared: int
    numbered: int

    def shares_a_song(self) -> pl.Series:
        """Whether a run has a song that is shared."""
        found = np.zeros(len(self.owners), bool)
        for runs, songs in self.parts:
            found[runs[songs < self.shared]] = True
        return pl.Series(found)

    def library(self, owners: pl.Series, lengths: Lengths) -> tuple[Library, pl.DataFrame]:
        """The shared songs of each of `owners`, which are distinct, and their index: the owner, `songs`, `length`."""
        numbered = pl.DataFrame({owners.name: owners}).with_row_index("row")
        runs_of = pl.DataFrame({owners.name: self.owners})
        row_of = runs_of.join(numbered, on=owners.name, how="left", maintain_order="left")["row"]
        known, rows = row_of.is_not_null().to_numpy(), row_of.fill_null(0).to_numpy()
        parts = [(rows[runs[known[runs]]], songs[known[runs]]) for runs, songs in self.parts]
        every = Library.from_parts(parts, len(owners), self.numbered)
        library = every.first_columns(self.shared)
        counted = {"all": every, "shared": library}[lengths].lengths
        columns = {"songs": library.lengths, "length": counted}
        index = pl.DataFrame([owners, *(pl.Series(name, count, pl.UInt32) for name, count in columns.items())])
        return library, index


def _gathered(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in fewer frames, each of so many rows at the least but for the last."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(part.height for part in waiting) >= rows:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)


def _entries(
    dataset: Dataset | PlaysSince,
    owner: str,
    track: str,
    songs: Dataset,
    part: str,
    hidden: HiddenPlays = EVERYTHING_VISIBLE,
) -> _Entries:
    """One pass over the text: each song id becomes a number, and of the owners' ids one a run is kept, not one a row.

    Args:
        dataset: with the text columns `owner` and `track`.
        owner: column of the user or playlist.
        track: column of the song id, also in `song_of`.
        songs: the song index; its `part` holds the id and number (`song`) of each song of this source.
        hidden: rows that are left out; their owners stay.
    """
    song_of = songs.part(part)
    owners, parts, met = [], [], 0
    # Every join puts the whole index into a table anew, so it is for no fewer rows than that.
    for shard in _gathered(dataset.shards([owner, track]), 2 * song_of.height):
        runs = shard[owner].rle().struct.unnest()
        run = np.repeat(np.arange(met, met + runs.height, dtype=np.uint32), runs["len"])
        if hidden.share:
            visible = ~hidden.mask(shard)
            shard, run = shard.filter(visible), run[visible]
        numbers_of = shard.join(song_of, on=track, how="left", maintain_order="left")["song"]
        if numbers_of.null_count():
            unknown = shard[track].filter(numbers_of.is_null())[0]
            raise SongIndexError(
                f"{dataset.name}: {track} {unknown} is not in the song index: materialise the asset songs again"
            )
        parts.append((run, numbers_of.to_numpy()))
        owners.append(runs["value"].alias(owner))
        met += runs.height
    highest = song_of["song"].max()
    shared = songs.manifest.rows
    return _Entries(pl.concat(owners), parts, shared, max(shared, 0 if highest is None else int(highest) + 1))  # type: ignore[arg-type]

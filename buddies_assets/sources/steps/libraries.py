"""From text to matrices: the shared song index applied to users and playlists, one shard of rows at a time."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.sources.steps.hidden import EVERYTHING_VISIBLE, HiddenPlays
from buddies_core.interactions import numbers
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.storage.datasets import Dataset


def distinct_tracks(mpd_tracks: Dataset) -> pl.DataFrame:
    """Every text of every track URI of the playlists once: `track_uri, track_name, artist_name`, in no given order."""
    return mpd_tracks.scan().select("track_uri", "track_name", "artist_name").unique().collect(engine="streaming")


def played_songs(entp_plays: Dataset, hidden: HiddenPlays = EVERYTHING_VISIBLE) -> pl.Series:
    """Every song id that some user is seen to have played, sorted."""
    columns = ["user_id", "song_id"] if hidden.share else ["song_id"]
    ids = [hidden.visible(shard)["song_id"].unique() for shard in entp_plays.shards(columns)]
    return pl.concat(ids).unique().sort()


def user_library(
    entp_plays: Dataset, songs: pl.DataFrame, register: pl.DataFrame, hidden: HiddenPlays = EVERYTHING_VISIBLE
) -> tuple[LabelledLibrary, pl.DataFrame]:
    """Which shared songs each user is seen to have played, and the register of numbers with those of new users added.

    Every user of the file has a row, sorted by their 40-hex id: `user, user_id, songs, number`.
    """
    song_of = songs.select("song", song_id="song_ids").explode("song_id", empty_as_null=False)
    entries = _entries(entp_plays, "user_id", "song_id", song_of, hidden)
    users = entries.owners.unique().sort()
    library = entries.library(users, songs.height)
    register = numbers.extended(register, users)
    index = pl.DataFrame({"user_id": users, "songs": library.lengths}, schema_overrides={"songs": pl.UInt32})
    index = index.join(register, on="user_id", how="left", maintain_order="left")
    return LabelledLibrary(library, index.with_row_index("user"), songs["key"]), register


def playlist_library(mpd_tracks: Dataset, songs: pl.DataFrame) -> LabelledLibrary:
    """Which shared songs each playlist holds; only playlists with at least one have a row, sorted by pid."""
    song_of = songs.select("song", track_uri="track_uris").explode("track_uri", empty_as_null=False)
    entries = _entries(mpd_tracks, "pid", "track_uri", song_of)
    playlists = entries.owners.filter(entries.shares_a_song()).unique().sort()
    library = entries.library(playlists, songs.height)
    index = pl.DataFrame({"pid": playlists, "songs": library.lengths}, schema_overrides={"songs": pl.UInt32})
    return LabelledLibrary(library, index.with_row_index("playlist"), songs["key"])


@dataclass(frozen=True)
class _Entries:
    """The rows of a dataset whose song is shared, by *run*: consecutive rows of one user or playlist in a shard.

    Attributes:
        owners: whose each run is; one whose rows do not stand together has several.
        parts: of each shard, the run and the song of every such row, uint32.
    """

    owners: pl.Series
    parts: list[tuple[np.ndarray, np.ndarray]]

    def shares_a_song(self) -> pl.Series:
        """Whether a run has a row at all."""
        found = np.zeros(len(self.owners), bool)
        for runs, _ in self.parts:
            found[runs] = True
        return pl.Series(found)

    def library(self, owners: pl.Series, n_songs: int) -> Library:
        """The matrix with a row for each of `owners`, which are distinct, and among them that of every row."""
        numbered = pl.DataFrame({"owner": owners}).with_row_index("row")
        of_runs = pl.DataFrame({"owner": self.owners}).join(numbered, on="owner", how="left", maintain_order="left")
        rows = of_runs["row"].fill_null(0).to_numpy()
        return Library.from_parts([(rows[runs], songs) for runs, songs in self.parts], len(owners), n_songs)


def _entries(
    dataset: Dataset, owner: str, track: str, song_of: pl.DataFrame, hidden: HiddenPlays = EVERYTHING_VISIBLE
) -> _Entries:
    """One pass over the text: each song id becomes a number, and of the owners' ids one a run is kept, not one a row.

    Args:
        dataset: with the text columns `owner` and `track`.
        owner: column of the user or playlist.
        track: column of the song id, also in `song_of`.
        song_of: the id and number (`song`) of each shared song.
    """
    owners, parts, met = [], [], 0
    for shard in dataset.shards([owner, track]):
        runs = shard[owner].rle().struct.unnest()
        songs = shard.join(song_of, on=track, how="left", maintain_order="left")["song"]
        run = np.repeat(np.arange(met, met + runs.height, dtype=np.uint32), runs["len"])
        shared = songs.is_not_null()
        if hidden.share:
            shared &= pl.Series(~hidden.mask(shard))
        parts.append((run[shared.to_numpy()], songs.filter(shared).to_numpy()))
        owners.append(runs["value"])
        met += runs.height
    return _Entries(pl.concat(owners), parts)

"""From text to matrices: the shared song index applied to users and playlists, one shard of rows at a time."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from buddies_assets.algorithms.libraries import Library
from buddies_assets.datasets import Dataset
from buddies_assets.matrices import LabelledLibrary


def distinct_tracks(mpd_tracks: Dataset) -> pl.DataFrame:
    """Every track URI of the playlists once, with its text: `track_uri, track_name, artist_name`, sorted by URI.

    When a URI comes with several texts the lexically first one stands, whatever the order of the shards.
    """
    columns = ["track_uri", "track_name", "artist_name"]
    distinct, waiting, rows = pl.DataFrame(schema=dict.fromkeys(columns, pl.String)), [], 0
    for shard in mpd_tracks.shards(columns):
        waiting.append(shard.unique())
        rows += waiting[-1].height
        # Joined when they are as many as what is known: each row is then looked at a few times, not once a shard.
        if rows > max(distinct.height, 1_000_000):
            distinct, waiting, rows = pl.concat([distinct, *waiting]).unique(), [], 0
    distinct = pl.concat([distinct, *waiting]).unique()
    return distinct.sort(columns).unique("track_uri", keep="first", maintain_order=True)


def played_songs(entp_plays: Dataset) -> pl.Series:
    """Every song id that some user has played, sorted."""
    ids = [shard["song_id"].unique() for shard in entp_plays.shards(["song_id"])]
    return pl.concat(ids).unique().sort()


def user_library(entp_plays: Dataset, songs: pl.DataFrame) -> LabelledLibrary:
    """Which shared songs each user has played; every user of the file has a row, sorted by their 40-hex id."""
    ids = pl.concat([shard["user_id"].unique() for shard in entp_plays.shards(["user_id"])]).unique().sort()
    users = pl.DataFrame({"user_id": ids}).with_row_index("row")
    song_of = songs.select("song", song_id="song_ids").explode("song_id", empty_as_null=False)
    rows, columns = _pairs(entp_plays.shards(["user_id", "song_id"]), "user_id", users, "song_id", song_of)
    library = Library.from_pairs(rows, columns, users.height, songs.height)
    index = users.select(user="row", user_id="user_id", songs=pl.Series(library.lengths, dtype=pl.UInt32))
    return LabelledLibrary(library, index, songs["key"])


def playlist_library(mpd_tracks: Dataset, songs: pl.DataFrame) -> LabelledLibrary:
    """Which shared songs each playlist holds; only playlists with at least one have a row, sorted by pid."""
    song_of = songs.select("song", track_uri="track_uris").explode("track_uri", empty_as_null=False)
    kept = [
        shard.join(song_of, on="track_uri", how="inner")["pid"].unique()
        for shard in mpd_tracks.shards(["pid", "track_uri"])
    ]
    playlists = pl.DataFrame({"pid": pl.concat(kept).unique().sort()}).with_row_index("row")
    rows, columns = _pairs(mpd_tracks.shards(["pid", "track_uri"]), "pid", playlists, "track_uri", song_of)
    library = Library.from_pairs(rows, columns, playlists.height, songs.height)
    index = playlists.select(playlist="row", pid="pid", songs=pl.Series(library.lengths, dtype=pl.UInt32))
    return LabelledLibrary(library, index, songs["key"])


def _pairs(
    shards: Iterator[pl.DataFrame], row_key: str, rows: pl.DataFrame, column_key: str, columns: pl.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """(row, song) of every entry whose song is shared, as uint32 arrays."""
    found = [
        shard.join(columns, on=column_key, how="inner")
        .join(rows, on=row_key, how="inner")
        .select("row", "song")
        .unique()
        for shard in shards
    ]
    pairs = pl.concat(found)
    return pairs["row"].to_numpy(), pairs["song"].to_numpy()

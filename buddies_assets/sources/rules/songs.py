"""Rules of the shared song index: one row a song, one song an id."""

import polars as pl

from quality.rules.shapes import duplicates, exploded
from quality.rules.verdict import Finding, offending_rows, rule


@rule(blocking=True)
def songs_are_numbered_in_key_order(songs: pl.DataFrame) -> Finding:
    """`song` is 0, 1, 2, … and keys rise strictly: every library is built on this numbering."""
    stepped = songs.with_row_index("row").with_columns(pl.col("key").shift(1).alias("key_before"))
    wrong = (pl.col("song") != pl.col("row")) | (pl.col("key") <= pl.col("key_before"))
    return offending_rows(stepped.filter(wrong).select("row", "song", "key", "key_before"), songs.height)


@rule()
def songs_are_named(songs: pl.DataFrame) -> Finding:
    """Key, title and artist hold text."""
    blank = pl.any_horizontal(
        pl.col(c).is_null() | (pl.col(c).str.strip_chars() == "") for c in ("key", "title", "artist")
    )
    return offending_rows(songs.filter(blank), songs.height)


@rule(blocking=True)
def songs_are_shared(songs: pl.DataFrame) -> Finding:
    """Every song has at least one song id and one track URI: else it is not shared by the two sources."""
    return offending_rows(
        songs.filter((pl.col("song_ids").list.len() == 0) | (pl.col("track_uris").list.len() == 0)), songs.height
    )


@rule(blocking=True)
def song_ids_lead_to_one_song(songs: pl.DataFrame) -> Finding:
    """A song id occurs in one song: else the join on text multiplies plays."""
    return duplicates(exploded(songs, "song_ids", "song_id"), "song_id")


@rule(blocking=True)
def track_uris_lead_to_one_song(songs: pl.DataFrame) -> Finding:
    """A track URI occurs in one song: else the join on text multiplies playlist rows."""
    return duplicates(exploded(songs, "track_uris", "track_uri"), "track_uri")


@rule(blocking=True)
def songs_were_played(songs: pl.DataFrame, msd_songs: pl.DataFrame) -> Finding:
    """Every song id is one that the text file holds."""
    ids = exploded(songs, "song_ids", "song_id")
    return offending_rows(ids.join(msd_songs.select("song_id").unique(), on="song_id", how="anti"), ids.height)


@rule(blocking=True)
def songs_are_not_mismatched(songs: pl.DataFrame, msd_songs: pl.DataFrame) -> Finding:
    """No song id whose text is known to be that of another track is matched by it."""
    wrong = msd_songs.filter("mismatched").select("song_id").unique()
    ids = exploded(songs, "song_ids", "song_id")
    return offending_rows(ids.join(wrong, on="song_id", how="semi"), ids.height)


@rule()
def song_uris_were_listed(songs: pl.DataFrame, listed_uris: pl.DataFrame) -> Finding:
    """Every track URI of a song occurs in some playlist."""
    uris = exploded(songs, "track_uris", "track_uri")
    return offending_rows(uris.join(listed_uris, on="track_uri", how="anti"), uris.height)

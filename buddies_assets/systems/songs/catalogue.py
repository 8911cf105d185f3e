"""Canonical songs: all ids of one text are one song, and an id whose text is known to be wrong is a song by itself.

The text on file of a mismatched id is not shown and joins nothing. It still says two things: whoever has the song of
that text is not recommended this one (they may be one recording), and its artist counts as a hint for the models, since
listeners of such ids have further songs of that artist as often as listeners of others do (docs/songs.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from buddies_core.interactions.song_key import SEPARATOR
from buddies_core.interactions.text_keys import canonical_artists, with_key

TEXT: dict[str, Any] = {
    "song_id": pl.String, "title": pl.String, "artist": pl.String, "release": pl.String, "year": pl.UInt16,
    "mismatched": pl.Boolean,
}  # fmt: skip
"""Columns of song text as `msd_songs` has them."""

SCHEMA: dict[str, Any] = {
    "song": pl.String, "song_ids": pl.List(pl.String), "title": pl.String, "artist": pl.String, "release": pl.String,
    "year": pl.UInt16, "mismatched": pl.Boolean, "artist_key": pl.String, "title_key": pl.String, "text_key": pl.String,
    "track_uris": pl.List(pl.String), "listeners": pl.UInt32, "plays": pl.Float64, "playlists": pl.UInt32,
}  # fmt: skip
"""Columns of the catalogue, one row a song, by `song`: the id of it that most listeners use."""

EVENTS: dict[str, Any] = {"user": pl.String, "song": pl.String, "weight": pl.Float64, "time": pl.Float64}
"""Columns of single plays that have a date."""


@dataclass(frozen=True, slots=True)
class CanonicalPlays:
    """What was played.

    Attributes:
        plays: user, song, weight, and `time`, `first` (last and first day) where plays have dates.
        catalogue: see `SCHEMA`.
        events: user, song, weight, time of each single play where plays have dates; else empty.
    """

    plays: pl.DataFrame
    catalogue: pl.DataFrame
    events: pl.DataFrame


def no_text() -> pl.DataFrame:
    """Song text where there is none."""
    return pl.DataFrame(schema=TEXT)


def with_texts(texts: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Song text with what a file of plays tells itself (`song_id, title, artist`) of songs that had none."""
    new = told.filter(~pl.col("song_id").is_in(texts["song_id"].implode())).with_columns(
        pl.lit(None, pl.String).alias("release"),
        pl.lit(None, pl.UInt16).alias("year"),
        pl.lit(False).alias("mismatched"),
    )
    return pl.concat([texts, new.select(texts.columns)])


def canonical(plays: pl.DataFrame, texts: pl.DataFrame, tracks: pl.DataFrame | None = None) -> CanonicalPlays:
    """Plays by canonical song, and the songs.

    Args:
        plays: `user, item, weight`, and perhaps `time` (days, float) of each play; items are song ids.
        texts: columns of `TEXT`, one row a song id.
        tracks: `pid, track_uri, title, artist` of playlists.
    """
    known = _keyed(texts.filter(pl.col("song_id").is_in(plays["item"].unique().implode())))
    ids = plays.group_by("item").agg(pl.col("user").n_unique().alias("users")).join(
        known, left_on="item", right_on="song_id", how="left"
    )  # fmt: skip
    trusted = pl.col("key").is_not_null() & ~pl.col("mismatched").fill_null(False)
    ids = ids.with_columns(
        trusted=trusted,
        group=pl.when(trusted).then(pl.lit("text ") + pl.col("key")).otherwise(pl.lit("id ") + pl.col("item")),
    ).sort(["users", "item"], descending=[True, False])
    songs = ids.group_by("group", maintain_order=True).agg(
        pl.col("item").first().alias("song"),
        pl.col("item").sort().alias("song_ids"),
        *(pl.when("trusted").then(pl.col(name)).first().alias(name) for name in ("title", "artist", "release", "year")),
        pl.col("mismatched").fill_null(False).first(),
        pl.col("artist_key").first(), pl.col("title_key").first(), pl.col("key").first().alias("text_key"),
    )  # fmt: skip
    song_of = songs.select("song", pl.col("song_ids").alias("item")).explode("item")
    joined = plays.join(song_of, on="item", how="left").select("user", "song", pl.exclude("user", "song", "item"))
    merged = merged_plays(joined)
    counts = merged.group_by("song").agg(
        pl.col("user").n_unique().cast(pl.UInt32).alias("listeners"), pl.col("weight").sum().alias("plays")
    )
    held = _held(songs, tracks)
    catalogue = songs.drop("group").join(counts, on="song", how="left").join(held, on="song", how="left").with_columns(
        pl.col("playlists").fill_null(0), pl.col("track_uris").fill_null([])
    )  # fmt: skip
    columns = catalogue.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).sort("song")
    events = joined.select(list(EVENTS)) if "time" in joined.columns else pl.DataFrame(schema=EVENTS)
    return CanonicalPlays(merged.sort("user", "song"), columns, events)


def playlist_songs(catalogue: pl.DataFrame, tracks: pl.DataFrame) -> pl.DataFrame:
    """`pid, song` of the playlists' tracks that are songs of the catalogue, each once."""
    keyed = with_key(tracks.select("title", "artist").unique(), "title", "artist", "canonical")
    songs = catalogue.filter(~pl.col("mismatched")).select("song", pl.col("text_key").alias("key")).drop_nulls("key")
    return (
        tracks.join(keyed, on=["title", "artist"])
        .join(songs, on="key")
        .select("pid", "song")
        .unique()
        .sort("pid", "song")
    )


def texts_of(catalogue: pl.DataFrame) -> pl.DataFrame:
    """`song, artist_key, title_key, release, year`: what models are told, hints of mismatched songs among it."""
    return catalogue.select("song", "artist_key", "title_key", "release", "year")


def same_text(catalogue: pl.DataFrame, songs: list[str]) -> np.ndarray:
    """Number of each song's text on file, int64, also of mismatched ones; -1 where there is none."""
    keys = dict(catalogue.select("song", "text_key").iter_rows())
    numbers: dict[str, int] = {}
    return np.array([-1 if keys.get(song) is None else numbers.setdefault(keys[song], len(numbers)) for song in songs])


def read_text(settings_files: list[Path], mismatches: Path | None, *, strict: bool) -> pl.DataFrame:
    """Columns of `TEXT` from files of song text."""
    from buddies_assets.sources.msd import read_songs

    return read_songs(settings_files, mismatches, strict=strict).songs.select(list(TEXT))


def _keyed(texts: pl.DataFrame) -> pl.DataFrame:
    names = texts["artist"].unique()
    artists = pl.DataFrame({"artist": names, "artist_key": canonical_artists(names)})
    keyed = with_key(texts, "title", "artist", "canonical").join(artists, on="artist", how="left")
    return keyed.with_columns(title_key=pl.col("key").str.split(SEPARATOR).list.first())


def merged_plays(plays: pl.DataFrame) -> pl.DataFrame:
    """One row a (user, song): plays summed, first and last time kept."""
    times = [pl.col("time").max().alias("time"), pl.col("time").min().alias("first")] if "time" in plays.columns else []
    return plays.group_by("user", "song").agg(pl.col("weight").cast(pl.Float64).sum(), *times)


def _held(songs: pl.DataFrame, tracks: pl.DataFrame | None) -> pl.DataFrame:
    if tracks is None:
        return pl.DataFrame(schema={"song": pl.String, "playlists": pl.UInt32, "track_uris": pl.List(pl.String)})
    keyed = with_key(tracks.select("title", "artist").unique(), "title", "artist", "canonical")
    by_key = songs.filter(~pl.col("mismatched")).select("song", pl.col("text_key").alias("key")).drop_nulls("key")
    met = tracks.join(keyed, on=["title", "artist"]).join(by_key, on="key")
    return met.group_by("song").agg(
        pl.col("pid").n_unique().cast(pl.UInt32).alias("playlists"),
        pl.col("track_uri").drop_nulls().unique().sort().alias("track_uris")
    )  # fmt: skip

"""The plays, texts and playlists that the songs system is made of, from the files that the settings name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from buddies_assets.sources.dated_plays import read_dated
from buddies_assets.sources.entp import read_triplets
from buddies_assets.sources.paths import source_paths
from buddies_assets.sources.quarantine import SCHEMA
from buddies_assets.sources.synthetic.dated_plays import write_dated_plays
from buddies_assets.systems.songs.catalogue import no_text, read_text, with_texts
from buddies_assets.systems.songs.told_plays import ids_of
from buddies_core.settings import Settings
from buddies_core.storage.forgotten import ForgottenIds

SYNTHETIC = "synthetic"
"""What BUDDIES_SONG_PLAYS_FILE says for a sample of dated plays."""
TRACKS: dict[str, Any] = {"pid": pl.Int64, "track_uri": pl.String, "title": pl.String, "artist": pl.String}
"""Columns of the tracks of playlists."""
_LISTENERS, _SONGS = 300, 400


@dataclass(frozen=True, slots=True)
class RawPlays:
    """`plays` (user, item, weight, and `time` where plays have dates), `texts`, `tracks` of playlists, `quarantine`."""

    plays: pl.DataFrame
    texts: pl.DataFrame
    tracks: pl.DataFrame | None
    quarantine: pl.DataFrame


def read_plays(settings: Settings) -> RawPlays:
    """Dated plays where BUDDIES_SONG_PLAYS_FILE names them, or else those of the Echo Nest; without the forgotten.

    Raises:
        SourceNotFoundError, ColumnError, MalformedInputError: see the readers.
    """
    forgotten = ForgottenIds.at(settings.home)
    if settings.song_plays_file:
        path = Path(settings.song_plays_file)
        if settings.song_plays_file == SYNTHETIC:
            path = settings.local_home / "scratch" / "dated_plays.tsv"
            write_dated_plays(path, _LISTENERS, _SONGS, settings.seed)
        read = read_dated(path, strict=settings.strict)
        texts = no_text()
        if settings.msd_file:
            texts = read_text([Path(settings.msd_file)], _mismatches(settings), strict=settings.strict)
        tracks = read_tracks(Path(settings.mpd_dir), strict=settings.strict) if settings.mpd_dir else None
        plays = read.plays.filter(~forgotten.mask(ids_of(read.plays["user"])))
        return RawPlays(plays, with_texts(texts, read.texts), tracks, read.quarantine)
    paths = source_paths(settings)
    batches = list(read_triplets(paths.entp, strict=settings.strict, sample=settings.sample, forgotten=forgotten))
    plays = pl.concat([batch.plays for batch in batches]).select(
        pl.col("user_id").alias("user"),
        pl.col("song_id").alias("item"),
        pl.col("plays").cast(pl.Float64).alias("weight"),
    )
    quarantine = pl.concat([pl.DataFrame(schema=SCHEMA), *(batch.quarantined for batch in batches)])
    texts = read_text(paths.msd, paths.mismatches, strict=settings.strict)
    return RawPlays(plays, texts, read_tracks(paths.mpd, strict=settings.strict, sample=settings.sample), quarantine)


def read_tracks(folder: Path, *, strict: bool = False, sample: float = 1.0) -> pl.DataFrame:
    """`pid, track_uri, title, artist` of the playlists of a folder of MPD slices."""
    from buddies_assets.sources.mpd import find_slices, read_slices

    frame = pl.concat([part.tracks for part in read_slices(find_slices(folder), strict=strict, sample=sample)])
    return frame.select("pid", "track_uri", pl.col("track_name").alias("title"), pl.col("artist_name").alias("artist"))


def _mismatches(settings: Settings) -> Path | None:
    return Path(settings.msd_mismatches_file) if settings.msd_mismatches_file else None

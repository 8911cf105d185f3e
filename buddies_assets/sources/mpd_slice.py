"""One slice of the Million Playlist Dataset: bytes in, playlists, tracks and quarantined rows out."""

import gc
from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.sources.mpd_decode import DecodedSlice, Track, decode_slice
from buddies_assets.sources.quarantine import Quarantine, ReadCounts, empty_quarantine
from buddies_assets.sources.repair import is_lost, repair_columns

PLAYLISTS = pl.Schema(
    {
        "pid": pl.UInt32,
        "name": pl.String,
        "description": pl.String,
        "collaborative": pl.Boolean,
        "modified_at": pl.Int64,
        "num_tracks": pl.UInt32,
        "num_albums": pl.UInt32,
        "num_artists": pl.UInt32,
        "num_followers": pl.UInt32,
        "num_edits": pl.UInt32,
        "duration_ms": pl.Int64,
        "tracks": pl.UInt32,
    }
)
TRACKS = pl.Schema(
    {
        "pid": pl.UInt32,
        "pos": pl.UInt32,
        "track_uri": pl.String,
        "track_name": pl.String,
        "artist_name": pl.String,
    }
)
TRACK_URI = r"^spotify:track:[0-9A-Za-z]{22}$"


@dataclass(frozen=True)
class ParsedSlice:
    """Playlists and tracks of one or more slices, with what was set aside and the counts that account for it.

    Attributes:
        playlists: columns of `PLAYLISTS`, in file order; `tracks` counts the track rows kept; an absent name is "".
        tracks: columns of `TRACKS`, in file order; `pos` is the place in the list where the file has none.
        quarantined: `buddies_assets.sources.quarantine.SCHEMA`; `position` is the pid.
        playlist_counts: rows are playlists of readable files.
        track_counts: rows are track rows of kept playlists; those of a quarantined playlist go with it, uncounted.
        raw_bytes: bytes of JSON parsed.
    """

    playlists: pl.DataFrame
    tracks: pl.DataFrame
    quarantined: pl.DataFrame
    playlist_counts: ReadCounts
    track_counts: ReadCounts
    raw_bytes: int


def nothing(quarantine: Quarantine, raw_bytes: int) -> ParsedSlice:
    """A slice that was set aside whole."""
    playlists, tracks = pl.DataFrame(schema=PLAYLISTS), pl.DataFrame(schema=TRACKS)
    counts = ReadCounts(files=1, bad_files=1)
    return ParsedSlice(playlists, tracks, quarantine.frame(), counts, ReadCounts(), raw_bytes)


def parse_slice(data: bytes, file: str, *, strict: bool) -> ParsedSlice:
    """Parse one slice.

    A file that is not whole JSON is set aside whole: what precedes a cut cannot be told from what a writer garbled,
    and a slice is one in a thousand. Bad playlists and bad track rows are set aside one by one.

    Args:
        data: JSON of one slice.
        file: name for the quarantine.
        strict: raise at the first fault.

    Raises:
        MalformedInputError: with `strict`, naming file, pid, field and reason.
    """
    quarantine = Quarantine("mpd", strict=strict)
    collecting = gc.isenabled()
    gc.disable()  # the decoder makes a million objects that refer to nothing cyclic
    try:
        decoded = decode_slice(data, file, quarantine)
        if decoded is None:
            return nothing(quarantine, len(data))
        return _columns(decoded, file, quarantine, len(data))
    finally:
        if collecting:
            gc.enable()


def _columns(decoded: DecodedSlice, file: str, quarantine: Quarantine, raw_bytes: int) -> ParsedSlice:
    playlists = decoded.playlists
    lists = [playlist.tracks or [] for playlist in playlists]
    row = np.repeat(np.arange(len(lists)), np.array([len(rows) for rows in lists], np.int64))
    pids = np.array([playlist.pid for playlist in playlists], np.uint32)
    flat = [track for rows in lists for track in rows]
    columns = {
        "pid": pids[row],
        "pos": _positions(lists, flat),
        "track_uri": [track.track_uri for track in flat],
        "track_name": [track.track_name for track in flat],
        "artist_name": [track.artist_name for track in flat],
    }
    tracks, repaired = repair_columns(pl.DataFrame(columns, schema=TRACKS), ["track_name", "artist_name"])
    good = _good_tracks(tracks, file, quarantine)
    kept = tracks if good.all() else tracks.filter(good)
    met = tracks.height + decoded.bad_tracks
    heads = pl.DataFrame(
        {name: [getattr(playlist, name) for playlist in playlists] for name in PLAYLISTS if name not in _DERIVED}
        | {
            "name": [playlist.name or "" for playlist in playlists],
            "collaborative": [_COLLABORATIVE[playlist.collaborative] for playlist in playlists],
            "tracks": np.bincount(row[good.to_numpy()], minlength=len(playlists)).astype(np.uint32),
        },
        schema_overrides=PLAYLISTS,
    )
    heads, _ = repair_columns(heads.select(PLAYLISTS.names()), ["name", "description"])
    return ParsedSlice(
        heads,
        kept,
        quarantine.frame() if quarantine.rows else empty_quarantine(),
        ReadCounts(files=1, rows=decoded.met, kept=heads.height, quarantined=decoded.met - heads.height),
        ReadCounts(
            rows=met, kept=kept.height, quarantined=met - kept.height, repaired=int((repaired & good).sum() or 0)
        ),
        raw_bytes,
    )


_DERIVED = ("name", "collaborative", "tracks")
_COLLABORATIVE = {None: None, "true": True, "false": False, True: True, False: False}


def _positions(lists: list[list[Track]], flat: list[Track]) -> list[int]:
    given = [track.pos for track in flat]
    if None not in given:
        return given  # type: ignore[return-value]
    return [place if track.pos is None else track.pos for rows in lists for place, track in enumerate(rows)]


def _good_tracks(tracks: pl.DataFrame, file: str, quarantine: Quarantine) -> pl.Series:
    """Mask of the track rows that have a track URI, a title and an artist; the others are set aside."""
    texts = ["track_uri", "track_name", "artist_name"]
    empty = [pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "") for name in texts]
    lost = [is_lost(name) for name in texts]
    good_uri = pl.col("track_uri").str.contains(TRACK_URI).fill_null(value=False)  # so neither empty nor lost
    good = tracks.select((~pl.any_horizontal(*empty[1:], *lost[1:]) & good_uri).alias("good"))["good"]
    if good.all():
        return good
    bad = tracks.filter(~good).with_columns(
        pl.coalesce(
            *[pl.when(test).then(pl.lit(f"{name} missing_field")) for name, test in zip(texts, empty, strict=True)],
            *[pl.when(test).then(pl.lit(f"{name} mojibake")) for name, test in zip(texts, lost, strict=True)],
            pl.lit("track_uri bad_id"),
        ).alias("fault")
    )
    for pid, pos, uri, title, artist, fault in bad.iter_rows():
        name, reason = fault.split(" ")
        quarantine.add(file, pid, f"tracks.{name}", reason, f"pos {pos}: {uri} | {title} | {artist}")
    return good

"""One slice of the Million Playlist Dataset: bytes in, playlists, tracks and quarantined rows out."""

import gc
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.sources import mpd_values as values
from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.mpd_decode import DecodedSlice, Playlist, Track, decode_slice
from buddies_assets.sources.quarantine import Quarantine, ReadCounts, empty_quarantine
from buddies_assets.sources.repair import is_lost, repair_columns
from buddies_assets.sources.sampling import playlists_in_sample

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


def unread(file: str, fault: InputFault, size: int, *, strict: bool) -> ParsedSlice:
    """A slice that was set aside whole; `size` bytes of it were to be read."""
    quarantine = Quarantine("mpd", strict=strict)
    quarantine.add_fault(file, fault)
    playlists, tracks = pl.DataFrame(schema=PLAYLISTS), pl.DataFrame(schema=TRACKS)
    counts = ReadCounts(files=1, bad_files=1, bytes=size, unread_bytes=size)
    return ParsedSlice(playlists, tracks, quarantine.frame(), counts, counts, 0)


def parse_slice(
    data: bytes, file: str, *, strict: bool, fault: InputFault | None = None, size: int = 0, sample: float = 1.0
) -> ParsedSlice:
    """Parse one slice.

    Of a file that is not whole JSON the playlists are kept that can be decoded on their own. Bad playlists and bad
    track rows are set aside one by one.

    Args:
        data: JSON of one slice, or as much as could be decoded of it.
        file: name for the quarantine.
        strict: raise at the first fault.
        fault: what ended the decoding early.
        size: bytes of the file on disk; 0 for those of the data.
        sample: share of playlists that are kept, by hash of their pids.

    Raises:
        MalformedInputError: with `strict`, naming file, pid, field and reason.
    """
    quarantine = Quarantine("mpd", strict=strict)
    if fault is not None:
        quarantine.add_fault(file, fault)
    collecting = gc.isenabled()
    gc.disable()  # the decoder makes a million objects that refer to nothing cyclic
    try:
        decoded = decode_slice(data, file, quarantine, whole=fault is None)
        size = size or len(data)
        lost = round(size * decoded.unread_bytes / max(len(data), 1)) + (fault.unread_bytes if fault else 0)
        read = ReadCounts(
            files=1,
            bad_files=int(decoded.unread_bytes > 0 or fault is not None),
            bytes=size,
            unread_bytes=min(lost, size),
        )
        return _columns(decoded, file, quarantine, read, len(data), sample)
    finally:
        if collecting:
            gc.enable()


def _columns(
    decoded: DecodedSlice, file: str, quarantine: Quarantine, read: ReadCounts, raw_bytes: int, sample: float
) -> ParsedSlice:
    playlists = decoded.playlists
    if sample < 1:
        inside = playlists_in_sample(np.array([playlist.pid for playlist in playlists], np.uint64), sample)
        playlists = [playlist for playlist, chosen in zip(playlists, inside.tolist(), strict=True) if chosen]
    left_out = len(decoded.playlists) - len(playlists)
    lists = [playlist.tracks or [] for playlist in playlists]
    row = np.repeat(np.arange(len(lists)), np.array([len(rows) for rows in lists], np.int64))
    pids = np.array([playlist.pid for playlist in playlists], np.uint32)
    flat = [track for rows in lists for track in rows]
    positions, misplaced = _positions(lists, flat)
    columns = {
        "pid": pids[row],
        "pos": positions,
        "track_uri": [track.track_uri for track in flat],
        "track_name": [track.track_name for track in flat],
        "artist_name": [track.artist_name for track in flat],
    }
    tracks, repaired = repair_columns(pl.DataFrame(columns, schema=TRACKS), ["track_name", "artist_name"])
    good = _good_tracks(tracks, file, quarantine)
    kept = tracks if good.all() else tracks.filter(good)
    met = tracks.height + decoded.bad_tracks
    heads, nulled = _heads(playlists)
    frame = pl.DataFrame(
        {"pid": pids, **heads, "tracks": np.bincount(row[good.to_numpy()], minlength=len(playlists)).astype(np.uint32)},
        schema_overrides=PLAYLISTS,
    )
    frame, _ = repair_columns(frame.select(PLAYLISTS.names()), ["name", "description"])
    playlist_counts = ReadCounts(
        rows=decoded.met,
        kept=frame.height,
        quarantined=decoded.met - frame.height - left_out,
        left_out=left_out,
        nulled=nulled,
    )
    track_counts = ReadCounts(
        rows=met,
        kept=kept.height,
        quarantined=met - kept.height,
        repaired=int((repaired & good).sum() or 0),
        nulled=misplaced,
    )
    return ParsedSlice(
        frame,
        kept,
        quarantine.frame() if quarantine.rows else empty_quarantine(),
        playlist_counts + read,
        track_counts + replace(read, files=0, bad_files=0),
        raw_bytes,
    )


def _heads(playlists: list[Playlist]) -> tuple[dict[str, list[Any]], int]:
    """The unneeded columns of playlists, and how many of their values are null because they could not be read."""
    columns: dict[str, list[Any]] = {}
    nulled = 0
    for name, field in values.FIELDS.items():
        columns[name], unread = field.column([getattr(playlist, name) for playlist in playlists])
        nulled += unread
    columns["name"] = [name or "" for name in columns["name"]]
    return columns, nulled


def _positions(lists: list[list[Track]], flat: list[Track]) -> tuple[pl.Series, int]:
    """Positions of the tracks, and how many could not be read; a playlist that lacks one has the order of its rows."""
    given = [track.pos for track in flat]
    try:
        positions = pl.Series(given, dtype=pl.UInt32)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        positions = None
    if positions is not None and not positions.null_count():
        return positions, 0
    found: list[int] = []
    unread = 0
    for rows in lists:
        read = [values.count(track.pos) for track in rows]
        whole = [position for position in read if position is not None]
        unread += sum(one is None and track.pos is not None for one, track in zip(read, rows, strict=True))
        found += whole if len(whole) == len(rows) else range(len(rows))
    return pl.Series(found, dtype=pl.UInt32), unread


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

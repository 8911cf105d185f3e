"""Reader of the Million Song Dataset's text: titles and artists of ENTP song ids, and the ids whose text is wrong."""

import csv
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import polars as pl

from buddies_assets.sources.files import open_bytes, require_file
from buddies_assets.sources.quarantine import Quarantine, ReadCounts
from buddies_assets.sources.repair import is_lost, repair_columns

SOURCE = "MSD song text"
SONGS = pl.Schema(
    {
        "song_id": pl.String,
        "title": pl.String,
        "artist": pl.String,
        "release": pl.String,
        "year": pl.UInt16,
        "mismatched": pl.Boolean,
    }
)
SONG_ID = r"^SO[A-Z0-9]{16}$"
_MISMATCH = re.compile(r"ERROR: <(SO[A-Z0-9]{16}) (TR[A-Z0-9]{16})> ")
_CSV_COLUMNS = ("song_id", "title", "release", "artist_name", "year")
_RAW = pl.Schema(
    {
        "file": pl.String,
        "line": pl.Int64,
        "song_id": pl.String,
        "title": pl.String,
        "artist": pl.String,
        "release": pl.String,
        "year": pl.String,
    }
)


@dataclass(frozen=True)
class SongText:
    """Text of MSD songs.

    Attributes:
        songs: columns of `SONGS`, one row per song id, in file order; year 0 in the file is null here.
        quarantined: `buddies_assets.sources.quarantine.SCHEMA`; `position` is the line a row ends on.
        counts: rows are rows of the song text files; `repeats` are those that say of an id what was said before.
        mismatch_counts: rows are lines of `sid_mismatches.txt`.
    """

    songs: pl.DataFrame
    quarantined: pl.DataFrame
    counts: ReadCounts
    mismatch_counts: ReadCounts


def read_songs(paths: Sequence[Path], mismatches: Path | None, *, strict: bool) -> SongText:
    """Song text from `song_data.csv` and/or `unique_tracks.txt`, told apart by content, and the mismatch flag.

    A song id comes more than once in real files. The first row is kept; one with the same title and artist is a
    repeat, counted and dropped; one with another title or artist is quarantined. A mismatched song keeps its wrong
    text here, for the eye: matching must not use it.

    Args:
        paths: files in order of preference.
        mismatches: `sid_mismatches.txt`, or None when there is none: no song is flagged then.

    Raises:
        SourceNotFoundError: no such file, or unreadable.
        MalformedInputError: with `strict`, at the first fault.
    """
    quarantine = Quarantine("msd", strict=strict)
    for path in paths:
        require_file(SOURCE, path, "BUDDIES_MSD_FILE")
    frames, met = [pl.DataFrame(schema=_RAW)], 0
    for path in paths:
        before = len(quarantine.rows)
        frame = _read_text(path, quarantine)
        if frame is not None:
            met += frame.height + len(quarantine.rows) - before
            frames.append(frame)
    rows, repaired = repair_columns(pl.concat(frames), ["title", "artist", "release"])
    rows = _good_rows(rows.with_columns(repaired.alias("repaired")), quarantine)
    songs, repeats = _one_row_per_id(rows, quarantine)
    counts = ReadCounts(
        files=len(paths),
        bad_files=len(paths) - len(frames) + 1,
        rows=met,
        kept=songs.height,
        quarantined=met - songs.height - repeats,
        repeats=repeats,
        repaired=int(songs["repaired"].sum()),
    )
    wrong, mismatch_counts = _read_mismatches(mismatches, quarantine)
    flagged = songs.with_columns(pl.col("song_id").is_in(wrong.implode()).alias("mismatched")).select(SONGS.names())
    return SongText(flagged, quarantine.frame(), counts, mismatch_counts)


def _read_text(path: Path, quarantine: Quarantine) -> pl.DataFrame | None:
    """Rows of one file with the right number of fields, columns of `_RAW`; None when the file is set aside whole."""
    before = len(quarantine.rows)
    try:
        with open_bytes(SOURCE, path, (".csv", ".txt")) as stream:
            lines = (line.decode("utf-8", "replace") for line in stream)
            head = list(islice(lines, 20))
            read = _unique_tracks if any("<SEP>" in line for line in head) else _song_data
            rows = list(read(chain(head, lines), path.name, quarantine))
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        del quarantine.rows[before:]
        quarantine.add(path.name, None, None, "undecodable_file", error)
        return None
    return pl.DataFrame(rows, schema=_RAW, orient="row")


def _unique_tracks(lines: Iterator[str], file: str, quarantine: Quarantine) -> Iterator[tuple]:
    for number, line in enumerate(lines, 1):
        fields = line.rstrip("\r\n").split("<SEP>")
        if len(fields) != 4:
            quarantine.add(file, number, None, "wrong_field_count", line.rstrip("\r\n"))
            continue
        _, song, artist, title = fields
        yield file, number, song, title, artist, None, None


def _song_data(lines: Iterator[str], file: str, quarantine: Quarantine) -> Iterator[tuple]:
    reader = csv.reader(lines)
    header = [name.removeprefix("\ufeff") for name in next(reader, [])]
    missing = [name for name in _CSV_COLUMNS if name not in header]
    if any(name in missing for name in ("song_id", "title", "artist_name")):
        quarantine.add(file, 1, ",".join(missing), "missing_field", ",".join(header))
        return
    place = [
        header.index(name) if name in header else None
        for name in ("song_id", "title", "artist_name", "release", "year")
    ]
    while (fields := _next_row(reader)) is not None:
        if len(fields) != len(header):
            quarantine.add(file, reader.line_num, None, "wrong_field_count", ",".join(fields))
            continue
        yield file, reader.line_num, *(None if at is None else fields[at] for at in place)


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row, None at the end; a quote that never closes gives a row of one field, which no format has."""
    try:
        return next(reader, None)
    except csv.Error as error:
        return [str(error)]


def _good_rows(rows: pl.DataFrame, quarantine: Quarantine) -> pl.DataFrame:
    texts = ["song_id", "title", "artist"]
    empty = [pl.col(name).str.strip_chars().fill_null("") == "" for name in texts]
    lost = [is_lost(name) for name in texts]
    year = pl.col("year").str.strip_chars().replace("", None)
    number = year.cast(pl.Int64, strict=False)
    faults = pl.coalesce(
        *[pl.when(test).then(pl.lit(f"{name} missing_field")) for name, test in zip(texts, empty, strict=True)],
        *[pl.when(test).then(pl.lit(f"{name} mojibake")) for name, test in zip(texts, lost, strict=True)],
        pl.when(~pl.col("song_id").str.contains(SONG_ID)).then(pl.lit("song_id bad_id")),
        pl.when(year.is_not_null() & number.is_null()).then(pl.lit("year not_a_number")),
        pl.when(number < 0).then(pl.lit("year negative_count")),
        pl.when(number > 9999).then(pl.lit("year bad_id")),
    )
    rows = rows.with_columns(faults.alias("fault"), number.replace(0, None).alias("number"))
    bad = rows.filter(pl.col("fault").is_not_null())
    for file, line, song, title, artist, fault in bad.select("file", "line", *texts, "fault").iter_rows():
        column, reason = fault.split(" ")
        quarantine.add(file, line, column, reason, f"{song} | {title} | {artist}")
    good = rows.filter(pl.col("fault").is_null())
    year_and_release = pl.col("number").cast(pl.UInt16).alias("year"), pl.col("release").replace("", None)
    return good.with_columns(*year_and_release).drop("fault", "number")


def _one_row_per_id(rows: pl.DataFrame, quarantine: Quarantine) -> tuple[pl.DataFrame, int]:
    """First row of each song id, and how many later rows only repeat it; the others are quarantined."""
    first = rows.filter(pl.col("song_id").is_first_distinct())
    later = rows.filter(~pl.col("song_id").is_first_distinct())
    if later.is_empty():
        return first, 0
    told = later.join(first.select("song_id", "title", "artist"), on="song_id", suffix="_first", maintain_order="left")
    differs = (pl.col("title") != pl.col("title_first")) | (pl.col("artist") != pl.col("artist_first"))
    conflicts = told.filter(differs)
    for file, line, *texts in conflicts.select(
        "file", "line", "song_id", "title", "artist", "title_first", "artist_first"
    ).iter_rows():
        song, title, artist, title_first, artist_first = texts
        text = f"{song} | {title} | {artist}, first read as {title_first} | {artist_first}"
        quarantine.add(file, line, "song_id", "repeated_song_id", text)
    return first, later.height - conflicts.height


def _read_mismatches(path: Path | None, quarantine: Quarantine) -> tuple[pl.Series, ReadCounts]:
    """Distinct song ids of `sid_mismatches.txt`."""
    if path is None:
        return pl.Series("song_id", [], pl.String), ReadCounts()
    require_file("MSD mismatches", path, "BUDDIES_MSD_MISMATCHES_FILE")
    found, met = [], 0
    with open_bytes("MSD mismatches", path, ".txt") as stream:
        for met, line in enumerate(stream, 1):
            match = _MISMATCH.match(line.decode("utf-8", "replace"))
            if match is None:
                blank = not line.strip()
                quarantine.add(path.name, met, None, "wrong_field_count" if blank else "bad_id", line.rstrip(b"\r\n"))
            else:
                found.append(match.group(1))
    counts = ReadCounts(files=1, rows=met, kept=len(found), quarantined=met - len(found))
    return pl.Series("song_id", found, pl.String).unique(maintain_order=True), counts

"""Reader of the Million Song Dataset's text: titles and artists of ENTP song ids, and the ids whose text is wrong."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from buddies_assets.sources.inputs.listing import Member
from buddies_assets.sources.inputs.opening import count_lines, parts_of, text_lines, whole
from buddies_assets.sources.msd_lines import NEEDED, SONG_ID, header_of, records
from buddies_assets.sources.quarantine import Quarantine, ReadCounts, set_aside
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
_MISMATCH = re.compile(r"ERROR: <(SO[A-Z0-9]{16}) (TR[A-Z0-9]{16})> ")
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
        pages: code page of each file that was not UTF-8 and could be told.
    """

    songs: pl.DataFrame
    quarantined: pl.DataFrame
    counts: ReadCounts
    mismatch_counts: ReadCounts
    pages: dict[str, str] = field(default_factory=dict)


def read_songs(paths: Sequence[Path], mismatches: Path | None, *, strict: bool) -> SongText:
    """Song text from `song_data.csv` and/or `unique_tracks.txt`, told apart by their first line, and the mismatch flag.

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
    listings = [parts_of(SOURCE, path, "BUDDIES_MSD_FILE") for path in paths]
    aside, unread = set_aside("msd", [one for listing in listings for one in listing.unread], strict=strict)
    read = [_read_text(member, quarantine) for listing in listings for member in listing.members]
    found = pl.concat([pl.DataFrame(schema=_RAW), *(file.rows for file in read)])
    rows, repaired = repair_columns(found, ["title", "artist", "release"])
    rows, nulled = _good_rows(rows.with_columns(repaired.alias("repaired")), quarantine)
    songs, repeats = _one_row_per_id(rows, quarantine)
    met = sum((file.counts for file in read), unread)
    counts = replace(
        met,
        files=len(read),
        kept=songs.height,
        quarantined=met.rows - songs.height - repeats,
        repeats=repeats,
        repaired=int(songs["repaired"].sum()),
        nulled=nulled,
    )
    wrong, mismatch_counts = _read_mismatches(mismatches, quarantine)
    flagged = songs.with_columns(pl.col("song_id").is_in(wrong.implode()).alias("mismatched")).select(SONGS.names())
    pages = {file.name: file.page for file in read if file.page}
    return SongText(flagged, pl.concat([quarantine.frame(), aside]), counts, mismatch_counts, pages)


@dataclass(frozen=True)
class _File:
    """What was read of one file: rows with the right number of fields (`_RAW`), what it holds, and its code page."""

    name: str
    rows: pl.DataFrame
    counts: ReadCounts
    page: str | None


def _read_text(member: Member, quarantine: Quarantine) -> _File:
    data, fault = whole(member)
    met = len(quarantine.rows)
    if fault is not None:
        data = data[: data.rfind(b"\n") + 1]  # a title cut short would look like one
        quarantine.add_fault(member.name, fault)
        met += 1
    lines, page = text_lines(data)
    found = records(lines, member.name, quarantine)
    if found is None:
        if fault is None:
            what = lines[0] if lines else "an empty file"
            quarantine.add(member.name, 1, ",".join(NEEDED), "missing_field", what)
        counts = ReadCounts(bad_files=1, bytes=member.size, unread_bytes=member.size)
        return _File(member.name, pl.DataFrame(schema=_RAW), counts, page)
    rows = list(found)
    aside = len(quarantine.rows) - met
    spans = sum(row.last - row.first + 1 for row in rows) + (header_of(lines[0]) is not None)
    frame = pl.DataFrame([(member.name, row.last, *row.values) for row in rows], schema=_RAW, orient="row")
    counts = ReadCounts(
        bad_files=int(fault is not None),
        rows=frame.height + aside,
        bytes=member.size,
        unread_bytes=fault.unread_bytes if fault else 0,
        lines=count_lines(data),
        parsed_lines=spans + aside,
    )
    return _File(member.name, frame, counts, page)


def _good_rows(rows: pl.DataFrame, quarantine: Quarantine) -> tuple[pl.DataFrame, int]:
    """Rows with an id, a title and an artist, and how many of their years could not be read."""
    texts = ["song_id", "title", "artist"]
    empty = [pl.col(name).str.strip_chars().fill_null("") == "" for name in texts]
    lost = [is_lost(name) for name in texts]
    faults = pl.coalesce(
        *[pl.when(test).then(pl.lit(f"{name} missing_field")) for name, test in zip(texts, empty, strict=True)],
        *[pl.when(test).then(pl.lit(f"{name} mojibake")) for name, test in zip(texts, lost, strict=True)],
        pl.when(~pl.col("song_id").str.contains(SONG_ID)).then(pl.lit("song_id bad_id")),
    )
    rows = rows.with_columns(faults.alias("fault"))
    bad = rows.filter(pl.col("fault").is_not_null())
    for file, line, song, title, artist, fault in bad.select("file", "line", *texts, "fault").iter_rows():
        column, reason = fault.split(" ")
        quarantine.add(file, line, column, reason, f"{song} | {title} | {artist}")
    written = pl.col("year").str.strip_chars().replace("", None)
    number = written.cast(pl.Float64, strict=False)
    whole_year = pl.when((number == number.floor()) & number.is_between(0, 9999)).then(number)
    good = rows.filter(pl.col("fault").is_null()).with_columns(
        whole_year.is_null().and_(written.is_not_null()).alias("unread"),
        whole_year.replace(0, None).cast(pl.UInt16).alias("year"),
        pl.col("release").replace("", None),
    )
    return good.drop("fault", "unread"), int(good["unread"].sum())


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
    listing = parts_of("MSD mismatches", path, "BUDDIES_MSD_MISMATCHES_FILE")
    found: list[str] = []
    met = 0
    for member in listing.members:
        data, fault = whole(member)
        lines, _ = text_lines(data)
        met += len(lines)
        for number, line in enumerate(lines, 1):
            match = _MISMATCH.match(line)
            if match is None:
                reason = "bad_id" if line.strip() else "wrong_field_count"
                quarantine.add(member.name, number, None, reason, line)
            else:
                found.append(match.group(1))
        if fault is not None:
            quarantine.add_fault(member.name, fault)
    counts = ReadCounts(files=len(listing.members), rows=met, kept=len(found), quarantined=met - len(found))
    return pl.Series("song_id", found, pl.String).unique(maintain_order=True), counts

"""Reader of the Million Playlist Dataset: slices found, parsed in parallel and handed on in bounded groups."""

import contextlib
import gzip
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.sources.mpd_slice import ParsedSlice, nothing, parse_slice
from buddies_assets.sources.quarantine import Quarantine, ReadCounts
from buddies_core.errors import SourceNotFoundError
from buddies_core.storage.in_order import in_order

SOURCE = "MPD slices"
_SLICE_NAME = re.compile(r"(?:^|/)mpd\.slice\.(\d+)-(\d+)\.json(\.gz)?$")
_POOL_FROM_BYTES = 2 << 30
"""Input smaller than this is parsed in this process: workers take a second to start, and one alone reads 400 MB/s."""


@dataclass(frozen=True, order=True)
class SliceRef:
    """Where one slice lies; the order is that of the dataset, by the first pid of the name.

    Attributes:
        first: first pid by the file name.
        name: what the quarantine calls it: the file name, behind that of its archive if it has one.
        path: file or archive.
        member: name inside the archive.
        size: bytes of JSON (of a `.gz`, an estimate).
    """

    first: int
    name: str
    path: Path
    member: str | None
    size: int


def find_slices(path: Path) -> list[SliceRef]:
    """Every slice under a path, in numeric order of first pid.

    Args:
        path: a folder of `mpd.slice.<a>-<b>.json`, `.json.gz` or `.zip` files that hold them, or one such zip.

    Raises:
        SourceNotFoundError: no such path, nothing in it, or an unreadable file or archive.
    """
    advice = "Set BUDDIES_MPD_DIR to a folder of mpd.slice.<a>-<b>.json (.json.gz, .zip) files."
    if not path.exists():
        raise SourceNotFoundError(SOURCE, path, "no such folder or file", advice)
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        refs = [ref for file in files for ref in _refs_of(file)]
    except (OSError, zipfile.BadZipFile) as error:
        raise SourceNotFoundError(SOURCE, path, f"unreadable ({error})", "Check the file and its mode.") from error
    if not refs:
        raise SourceNotFoundError(SOURCE, path, f"none among {len(files)} files", advice)
    return sorted(refs)


def _refs_of(file: Path) -> list[SliceRef]:
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            return [
                SliceRef(int(match.group(1)), f"{file.name}/{info.filename}", file, info.filename, info.file_size)
                for info in archive.infolist()
                if "__MACOSX" not in info.filename and (match := _SLICE_NAME.search(info.filename))
            ]
    match = _SLICE_NAME.search(file.name)
    if match is None or not file.is_file():
        return []
    with file.open("rb") as stream:
        stream.read(1)
    inflation = 12 if match.group(3) else 1
    return [SliceRef(int(match.group(1)), file.name, file, None, file.stat().st_size * inflation)]


def read_slice(ref: SliceRef, strict: bool) -> ParsedSlice:
    """One slice from its place on disk, as `parse_slice` gives it; a broken archive member is set aside whole."""
    try:
        if ref.member is not None:
            with zipfile.ZipFile(ref.path) as archive:
                data = archive.read(ref.member)
                if ref.member.endswith(".gz"):
                    data = gzip.decompress(data)
        elif ref.path.suffix == ".gz":
            data = gzip.decompress(ref.path.read_bytes())
        else:
            data = ref.path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        quarantine = Quarantine("mpd", strict=strict)
        quarantine.add(ref.name, None, None, "undecodable_file", error)
        return nothing(quarantine, 0)
    except OSError as error:
        raise SourceNotFoundError(SOURCE, ref.path, f"unreadable ({error})", "Check the file.") from error
    return parse_slice(data, ref.name, strict=strict)


class DuplicatePids:
    """The pids seen so far, as bitmaps of 65,536 pids: a million of them take 128 KiB.

    Fed slice by slice in order, it keeps the first playlist of a pid and sets the others aside with their tracks.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._seen: dict[int, np.ndarray] = {}

    def refuse(self, parsed: ParsedSlice, file: str) -> ParsedSlice:
        """The slice less the playlists whose pid came before.

        Raises:
            MalformedInputError: in strict mode, at the first duplicate.
        """
        repeated = self.repeated(parsed.playlists["pid"].to_numpy())
        if not repeated.any():
            return parsed
        return self._without(parsed, repeated, file)

    def repeated(self, pids: np.ndarray) -> np.ndarray:
        """Which of these pids, distinct among themselves, came before; all of them have come from now on."""
        repeated = np.zeros(len(pids), bool)
        for page in np.unique(pids >> 16).tolist():
            bitmap = self._seen.setdefault(page, np.zeros(1 << 16, bool))
            on_page = (pids >> 16) == page
            slots = pids[on_page] & 0xFFFF
            repeated[on_page] = bitmap[slots]
            bitmap[slots] = True
        return repeated

    def _without(self, parsed: ParsedSlice, repeated: np.ndarray, file: str) -> ParsedSlice:
        quarantine = Quarantine("mpd", strict=self._strict)
        twice = parsed.playlists.filter(pl.Series(repeated))
        for pid, name in twice.select("pid", "name").iter_rows():
            quarantine.add(file, pid, "pid", "duplicate_pid", name)
        gone = twice["pid"]
        of_gone = pl.col("position").is_in(gone.cast(pl.Int64).implode()) & pl.col("field").str.starts_with("tracks.")
        track_faults = parsed.quarantined.filter(of_gone).height
        tracks = parsed.tracks.filter(~pl.col("pid").is_in(gone.implode()))
        dropped = parsed.tracks.height - tracks.height
        rows, counts = parsed.playlist_counts, parsed.track_counts
        return replace(
            parsed,
            playlists=parsed.playlists.filter(~pl.Series(repeated)),
            tracks=tracks,
            quarantined=pl.concat([parsed.quarantined.filter(~of_gone.fill_null(value=False)), quarantine.frame()]),
            playlist_counts=replace(rows, kept=rows.kept - len(gone), quarantined=rows.quarantined + len(gone)),
            track_counts=replace(
                counts,
                rows=counts.rows - dropped - track_faults,
                kept=counts.kept - dropped,
                quarantined=counts.quarantined - track_faults,
            ),
        )


def read_slices(
    refs: Sequence[SliceRef],
    *,
    strict: bool,
    workers: int = 1,
    batch_bytes: int = 128 << 20,
    duplicates: DuplicatePids | None = None,
) -> Iterator[ParsedSlice]:
    """Slices in order, in groups of about `batch_bytes` of JSON; the same groups whatever the number of workers.

    Memory holds one group and two slices a worker, however many slices there are. Workers are processes, since
    building Python objects from JSON holds the interpreter's lock.

    Args:
        refs: from `find_slices`.
        strict: raise at the first fault instead of setting it aside.
        workers: processes; 1 parses in this one, and so does an input too small to repay their start.
        batch_bytes: raw bytes after which a group is closed.
        duplicates: has seen the pids of the groups before these, when the reading goes on after them.

    Raises:
        MalformedInputError: with `strict`.
        SourceNotFoundError: a file that has become unreadable.
    """
    duplicates = duplicates or DuplicatePids(strict=strict)
    group: list[ParsedSlice] = []
    for ref, parsed in zip(refs, _parsed_in_order(refs, strict=strict, workers=workers), strict=True):
        group.append(duplicates.refuse(parsed, ref.name))
        if sum(part.raw_bytes for part in group) >= batch_bytes:
            yield merge_slices(group)
            group = []
    if group:
        yield merge_slices(group)


def _parsed_in_order(refs: Sequence[SliceRef], *, strict: bool, workers: int) -> Iterator[ParsedSlice]:
    if workers <= 1 or sum(ref.size for ref in refs) < _POOL_FROM_BYTES:
        for ref in refs:
            yield read_slice(ref, strict)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        read = partial(read_slice, strict=strict)
        yield from in_order(pool, read, (_fetched_ahead(ref) for ref in refs), ahead=2 * workers)


def _fetched_ahead(ref: SliceRef) -> SliceRef:
    """The slice itself, asked of the system to be in memory when a worker comes to it: it seldom waits for the disk."""
    if ref.member is None and hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError), ref.path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
    return ref


def merge_slices(parts: Sequence[ParsedSlice]) -> ParsedSlice:
    """Several slices as one, in the order given."""
    return ParsedSlice(
        pl.concat([part.playlists for part in parts]),
        pl.concat([part.tracks for part in parts]),
        pl.concat([part.quarantined for part in parts]),
        sum((part.playlist_counts for part in parts), ReadCounts()),
        sum((part.track_counts for part in parts), ReadCounts()),
        sum(part.raw_bytes for part in parts),
    )

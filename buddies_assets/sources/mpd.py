"""Reader of the Million Playlist Dataset: slices found, parsed in parallel and handed on in bounded groups."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.sources.inputs.decompress import STORED
from buddies_assets.sources.inputs.listing import Member, Unread, is_system_file, list_inputs
from buddies_assets.sources.inputs.opening import beside, whole
from buddies_assets.sources.mpd_slice import ParsedSlice, parse_slice, unread
from buddies_assets.sources.quarantine import Quarantine, ReadCounts
from buddies_core.errors import SourceNotFoundError
from buddies_core.storage.in_order import in_order

SOURCE = "MPD slices"
_SLICE_NAME = re.compile(r"(?:^|/)mpd\.slice\.(\d{1,12})-\d+\.json$")
_LIKE_A_SLICE = re.compile(r"slice\D{0,3}(\d{1,12})\D{1,3}\d+[^/]*$", re.IGNORECASE)
_INFLATION = 12
"""A compressed slice has about a twelfth of its bytes."""
_POOL_FROM_BYTES = 2 << 30
"""Input smaller than this is parsed in this process: workers take a second to start, and one alone reads 400 MB/s."""


@dataclass(frozen=True, order=True)
class SliceRef:
    """Where one slice lies; the order is that of the dataset, by the first pid of the name, copies last.

    Attributes:
        first: first pid by the file name.
        copy: its name is not just that of a slice, as of a second download.
        name: what the quarantine calls it: its path below the folder, behind that of its archive if it has one.
        size: bytes of JSON (of a compressed one, an estimate).
        member: how it is opened.
    """

    first: int
    copy: bool
    name: str
    size: int
    member: Member = field(compare=False)


@dataclass(frozen=True)
class Slices:
    """The slices under a path in their order, and everything else that lies there."""

    refs: list[SliceRef]
    unread: list[Unread]


def find_slices(path: Path) -> list[SliceRef]:
    """Every slice under a path, in numeric order of first pid; see `list_slices`."""
    return list_slices(path).refs


def list_slices(path: Path) -> Slices:
    """Every slice under a path, in numeric order of first pid, and what lies there beside them.

    A slice is known by its name in any case and spelling (`mpd.slice.0-999 copy.JSON`), compressed or not; a file that
    is named itself is one whatever its name.

    Args:
        path: a folder, with folders and archives in it, or one file or archive.

    Raises:
        SourceNotFoundError: no such path, nothing in it, or unreadable; the message says what is there.
    """
    advice = "Set BUDDIES_MPD_DIR to a folder of mpd.slice.<a>-<b>.json (.json.gz, .zip) files."
    if not path.exists():
        raise SourceNotFoundError(SOURCE, path, "no such folder or file", advice)
    try:
        listing = list_inputs(path)
    except OSError as error:
        raise SourceNotFoundError(SOURCE, path, f"unreadable ({error})", "Check the file and its mode.") from error
    refs: list[SliceRef] = []
    unread = list(listing.unread)
    for member in listing.members:
        ref = _ref_of(member, named=member.path == path and member.span is None)
        if ref is not None:
            refs.append(ref)
        else:
            unread.append(beside(member, "not named as a slice is"))
    if not refs:
        there = "; ".join(
            f"{one.name}: {one.fault.what}" for one in sorted(unread, key=lambda one: not one.is_data)[:3]
        )
        what = f"none among {len(unread)} files" + (f" ({there})" if there else "")
        raise SourceNotFoundError(SOURCE, path, what, advice)
    return Slices(sorted(refs), sorted(unread, key=lambda one: one.name))


def _ref_of(member: Member, *, named: bool) -> SliceRef | None:
    if is_system_file(member.name):
        return None
    plain = re.sub(r"\.(gz|bz2|xz|zst|zstd)$", "", member.name, flags=re.IGNORECASE)
    exact = _SLICE_NAME.search(plain)
    match = exact or _LIKE_A_SLICE.search(plain)
    if match is None and not named:
        return None
    packed = plain != member.name or (member.span is not None and member.span.method != STORED)
    size = member.size * (_INFLATION if packed else 1)
    return SliceRef(int(match.group(1)) if match else 0, exact is None, member.name, size, member)


def read_slice(ref: SliceRef, strict: bool, sample: float = 1.0) -> ParsedSlice:
    """One slice from its place on disk, as `parse_slice` gives it."""
    try:
        data, fault = whole(ref.member)
    except OSError as error:
        raise SourceNotFoundError(SOURCE, ref.member.path, f"unreadable ({error})", "Check the file.") from error
    if fault is not None and not data:
        return unread(ref.name, fault, ref.member.size, strict=strict)
    return parse_slice(data, ref.name, strict=strict, fault=fault, size=ref.member.size, sample=sample)


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
    sample: float = 1.0,
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
        sample: share of playlists that are kept, by hash of their pids.

    Raises:
        MalformedInputError: with `strict`.
        SourceNotFoundError: a file that has become unreadable.
    """
    duplicates = duplicates or DuplicatePids(strict=strict)
    group: list[ParsedSlice] = []
    for ref, parsed in zip(refs, _parsed_in_order(refs, strict=strict, workers=workers, sample=sample), strict=True):
        group.append(duplicates.refuse(parsed, ref.name))
        if sum(part.raw_bytes for part in group) >= batch_bytes:
            yield merge_slices(group)
            group = []
    if group:
        yield merge_slices(group)


def _parsed_in_order(refs: Sequence[SliceRef], *, strict: bool, workers: int, sample: float) -> Iterator[ParsedSlice]:
    if workers <= 1 or sum(ref.size for ref in refs) < _POOL_FROM_BYTES:
        for ref in refs:
            yield read_slice(ref, strict, sample)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        read = partial(read_slice, strict=strict, sample=sample)
        yield from in_order(pool, read, (_fetched_ahead(ref) for ref in refs), ahead=2 * workers)


def _fetched_ahead(ref: SliceRef) -> SliceRef:
    """The slice itself, asked of the system to be in memory when a worker comes to it: it seldom waits for the disk."""
    if ref.member.span is None and hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError), ref.member.path.open("rb") as stream:
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

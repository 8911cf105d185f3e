"""Reader of the Echo Nest Taste Profile: play rows streamed in bounded frames, bad lines set aside one by one."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from buddies_assets.errors import SourceNotFoundError
from buddies_assets.sources.files import open_bytes, require_file
from buddies_assets.sources.quarantine import Quarantine, ReadCounts, safe_excerpt

SOURCE = "ENTP triplets"
PLAYS = pl.Schema({"user_id": pl.String, "song_id": pl.String, "plays": pl.UInt32})

_GOOD = re.compile(rb"([0-9a-f]{40})\t(SO[A-Z0-9]{16})\t([0-9]{1,10})")
_USER, _SONG = re.compile(rb"[0-9a-f]{40}"), re.compile(rb"SO[A-Z0-9]{16}")
_MOST_PLAYS = 2**32 - 1


@dataclass(frozen=True)
class PlayBatch:
    """Play rows of consecutive lines of the file.

    Attributes:
        plays: `user_id` (40 hex), `song_id`, `plays`; one row per (user, song), in file order.
        quarantined: `buddies_assets.sources.quarantine.SCHEMA`; `position` is the line number, from 1.
        counts: rows are lines.
        raw_bytes: bytes read.
    """

    plays: pl.DataFrame
    quarantined: pl.DataFrame
    counts: ReadCounts
    raw_bytes: int


def read_triplets(path: Path, *, strict: bool, batch_bytes: int = 32 << 20) -> Iterator[PlayBatch]:
    """Play rows of `train_triplets.txt`, `.gz` or `.zip`, in batches that end between two users.

    The rows of a user stand together in the published file, so a repeated (user, song) pair is found inside a batch.
    A user who comes back later is noticed too (eight bytes are kept for each user), and then the file up to that
    batch is searched for that user's earlier songs: exact and bounded in memory, slow only for a shuffled file.
    Of a repeated pair the first row is kept: adding the counts would hide a file that was concatenated twice.

    Raises:
        SourceNotFoundError: no such file, or it cannot be read.
        MalformedInputError: with `strict`, at the first bad line.
    """
    require_file(SOURCE, path, "BUDDIES_ENTP_FILE")
    seen = np.empty(0, np.uint64)
    for first_line, offset, data in _user_blocks(path, strict, batch_bytes):
        if isinstance(data, Quarantine):
            yield PlayBatch(
                pl.DataFrame(schema=PLAYS), data.frame(), ReadCounts(files=int(offset == 0), bad_files=1), 0
            )
            return
        quarantine = Quarantine("entp", strict=strict)
        lines = _newlines(data) + (not data.endswith(b"\n"))
        rows = _all_good(data, lines, first_line)
        if rows is None:
            rows = _good_lines(data, first_line, path.name, quarantine)
        users = np.unique(_user_keys(rows["user_id"].unique()))
        returned = np.intersect1d(users, seen)
        rows = _first_of_pairs(rows, path, offset, returned, quarantine)
        seen = np.union1d(seen, users)
        kept = rows.select(PLAYS.names())
        counts = ReadCounts(int(offset == 0), rows=lines, kept=kept.height, quarantined=lines - kept.height)
        frame = quarantine.frame().sort("position", maintain_order=True)
        yield PlayBatch(kept, frame, counts, len(data))


def _user_blocks(path: Path, strict: bool, batch_bytes: int) -> Iterator[tuple[int, int, bytes | Quarantine]]:
    """(number of the first line, offset, whole lines) of blocks that end between two users where they can."""
    line, offset, carry = 1, 0, b""
    try:
        with open_bytes(SOURCE, path, ".txt") as stream:
            while chunk := stream.read(batch_bytes):
                data = carry + chunk
                cut = _last_user_start(data)
                if cut == 0:
                    carry = data
                    continue
                carry = data[cut:]
                block = data[:cut]
                yield line, offset, block
                line += _newlines(block)
                offset += cut
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        whole = carry[: carry.rfind(b"\n") + 1]  # a count cut short would still look like a count
        if whole:
            yield line, offset, whole
            offset += len(whole)
        quarantine = Quarantine("entp", strict=strict)
        quarantine.add(path.name, None, None, "undecodable_file", error)
        yield line, offset, quarantine
        return
    except OSError as error:
        raise SourceNotFoundError(SOURCE, path, f"unreadable ({error})", "Check the file.") from error
    if carry:
        yield line, offset, carry


def _newlines(data: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == 10))


def _last_user_start(data: bytes) -> int:
    """Offset of the first line of the last user whose line is whole; 0 when one user fills the data."""
    end = data.rfind(b"\n") + 1
    if end == 0:
        return 0
    start = data.rfind(b"\n", 0, end - 1) + 1
    user = data[start : start + 41]
    while start > 0:
        before = data.rfind(b"\n", 0, start - 1) + 1
        if data[before : before + 41] != user:
            return start
        start = before
    return 0


def _all_good(data: bytes, lines: int, first_line: int) -> pl.DataFrame | None:
    """The rows when every line is good, in one vectorised pass; None sends the block to the line-by-line reading."""
    try:
        rows = pl.read_csv(
            io.BytesIO(data),
            separator="\t",
            has_header=False,
            quote_char=None,
            schema={"user_id": pl.String, "song_id": pl.String, "plays": pl.Int64},
        )
    except pl.exceptions.PolarsError:
        return None
    if rows.height != lines:
        return None
    good = rows.select(
        (
            pl.col("user_id").str.contains("^[0-9a-f]{40}$")
            & pl.col("song_id").str.contains("^SO[A-Z0-9]{16}$")
            & pl.col("plays").is_between(1, _MOST_PLAYS)
        )
        .fill_null(value=False)
        .all()
    ).item()
    if not good:
        return None
    return rows.with_columns(
        pl.col("plays").cast(pl.UInt32), pl.int_range(lines, dtype=pl.Int64).alias("line") + first_line
    )


def _good_lines(data: bytes, first_line: int, file: str, quarantine: Quarantine) -> pl.DataFrame:
    users, songs, plays, numbers = [], [], [], []
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), first_line):
        line = line.removesuffix(b"\r")
        match = _GOOD.fullmatch(line)
        count = int(match.group(3)) if match else 0
        if match is None or not 1 <= count <= _MOST_PLAYS:
            column, reason = _fault(line)
            quarantine.add(file, number, column, reason, line)
            continue
        users.append(match.group(1).decode())
        songs.append(match.group(2).decode())
        plays.append(count)
        numbers.append(number)
    return pl.DataFrame(
        {"user_id": users, "song_id": songs, "plays": plays, "line": numbers}, schema=dict(PLAYS) | {"line": pl.Int64}
    )


def _fault(line: bytes) -> tuple[str | None, str]:
    """The column and reason of a bad line: the leftmost fault."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return None, "mojibake"
    fields = line.split(b"\t")
    if len(fields) != 3:
        return None, "wrong_field_count"
    user, song, plays = fields
    for column, value, form in (("user_id", user, _USER), ("song_id", song, _SONG)):
        if not form.fullmatch(value):
            return column, "bad_id" if value.strip() else "missing_field"
    if not plays.strip():
        return "plays", "missing_field"
    if not re.fullmatch(rb"[+-]?[0-9]+", plays):
        return "plays", "not_a_number"
    return "plays", "negative_count" if len(plays) < 20 and int(plays) < 1 else "bad_id"


def _user_keys(users: pl.Series) -> np.ndarray:
    """The first 64 bits of each user id: enough to notice a user who may have come before, and small to keep."""
    return users.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()


def _first_of_pairs(
    rows: pl.DataFrame, path: Path, offset: int, returned: np.ndarray, quarantine: Quarantine
) -> pl.DataFrame:
    pair = pl.struct("user_id", "song_id")
    if not len(returned) and rows.select(pair.hash().n_unique()).item() == rows.height:
        return rows
    repeated = ~rows.select(pair.is_first_distinct().alias("first"))["first"]
    if len(returned):
        back = rows["user_id"].unique()
        back = back.filter(pl.Series(np.isin(_user_keys(back), returned)))
        earlier = _earlier_pairs(path, offset, back)
        hit = rows.select("user_id", "song_id", "line").join(earlier, on=["user_id", "song_id"], how="semi")
        repeated = repeated | rows["line"].is_in(hit["line"].implode())
    if not repeated.any():
        return rows
    for user, song, plays, line in rows.filter(repeated).select("user_id", "song_id", "plays", "line").iter_rows():
        quarantine.add(path.name, line, "song_id", "repeated_song_id", safe_excerpt(f"{user} {song} {plays}"))
    return rows.filter(~repeated)


def _earlier_pairs(path: Path, offset: int, users: pl.Series) -> pl.DataFrame:
    """The good (user, song) pairs of some users in the first `offset` bytes of the file."""
    found = [pl.DataFrame(schema={"user_id": pl.String, "song_id": pl.String})]
    wanted = users.implode()
    with open_bytes(SOURCE, path, ".txt") as stream:
        for data in _whole_lines(stream, offset):
            rows = _all_good(data, _newlines(data), 1)
            if rows is None:
                rows = _good_lines(data, 1, path.name, Quarantine("entp"))
            found.append(rows.filter(pl.col("user_id").is_in(wanted)).select("user_id", "song_id"))
    return pl.concat(found).unique()


def _whole_lines(stream: BinaryIO, limit: int) -> Iterator[bytes]:
    carry, left = b"", limit
    while left and (chunk := stream.read(min(left, 32 << 20))):
        left -= len(chunk)
        data = carry + chunk
        cut = data.rfind(b"\n") + 1
        carry = data[cut:]
        if cut:
            yield data[:cut]

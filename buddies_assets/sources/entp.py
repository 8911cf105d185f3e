"""Reader of the Echo Nest Taste Profile: play rows streamed in bounded frames, bad lines set aside one by one."""

import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from buddies_assets.sources.entp_lines import PLAYS, ParsedLines, parse_lines, user_keys
from buddies_assets.sources.files import open_bytes, require_file
from buddies_assets.sources.quarantine import Quarantine, ReadCounts, safe_excerpt
from buddies_core.errors import SourceNotFoundError
from buddies_core.storage.in_order import in_order

SOURCE = "ENTP triplets"


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


@dataclass(frozen=True)
class _Block:
    """Whole lines; with an error, none: the file cannot be read on from here."""

    first_line: int
    offset: int
    data: bytes = b""
    error: Exception | None = None


def read_triplets(path: Path, *, strict: bool, batch_bytes: int = 32 << 20, workers: int = 1) -> Iterator[PlayBatch]:
    """Play rows of `train_triplets.txt`, `.gz` or `.zip`, in batches that end between two users.

    The rows of a user stand together in the published file, so a repeated (user, song) pair is found inside a batch.
    A user who comes back later is noticed too (eight bytes are kept for each user), and then the file up to that
    batch is searched for that user's earlier songs: exact and bounded in memory, slow only for a shuffled file.
    Of a repeated pair the first row is kept: adding the counts would hide a file that was concatenated twice.

    Args:
        path: the file.
        strict: raise at the first bad line instead of setting it aside.
        batch_bytes: raw bytes of a batch, about.
        workers: threads that parse batches; the same batches come, in order, whatever their number.

    Raises:
        SourceNotFoundError: no such file, or it cannot be read.
        MalformedInputError: with `strict`, at the first bad line.
    """
    require_file(SOURCE, path, "BUDDIES_ENTP_FILE")
    seen = np.empty(0, np.uint64)

    def parse(block: _Block) -> tuple[_Block, ParsedLines, Quarantine]:
        quarantine = Quarantine("entp", strict=strict)
        if block.error is not None:
            quarantine.add(path.name, None, None, "undecodable_file", block.error)
        return block, parse_lines(block.data, block.first_line, path.name, quarantine), quarantine

    with ThreadPoolExecutor(workers, thread_name_prefix="entp") as pool:
        for block, parsed, quarantine in in_order(pool, parse, _user_blocks(path, batch_bytes), ahead=workers + 1):
            seen, returned = _added(seen, parsed.users)
            plays = _first_of_pairs(parsed, path, block.offset, returned, quarantine).select(PLAYS.names())
            counts = ReadCounts(
                files=int(block.offset == 0),
                bad_files=int(block.error is not None),
                rows=parsed.lines,
                kept=plays.height,
                quarantined=parsed.lines - plays.height,
            )
            frame = quarantine.frame().sort("position", maintain_order=True)
            yield PlayBatch(plays, frame, counts, len(block.data))


def _user_blocks(path: Path, batch_bytes: int) -> Iterator[_Block]:
    """Blocks of whole lines that end between two users where they can."""
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
                block = _Block(line, offset, data[:cut])
                yield block
                line += block.data.count(b"\n")
                offset += cut
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        whole = carry[: carry.rfind(b"\n") + 1]  # a count cut short would still look like a count
        if whole:
            yield _Block(line, offset, whole)
        yield _Block(line + whole.count(b"\n"), offset + len(whole), error=error)
        return
    except OSError as error:
        raise SourceNotFoundError(SOURCE, path, f"unreadable ({error})", "Check the file.") from error
    if carry:
        yield _Block(line, offset, carry)


def _added(seen: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`seen` with the users, and those of them who were among them before; sorted and distinct, all of them."""
    at = np.searchsorted(seen, users)
    known = np.zeros(len(users), bool)
    inside = at < len(seen)
    known[inside] = seen[at[inside]] == users[inside]
    return np.insert(seen, at[~known], users[~known]), users[known]


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


def _first_of_pairs(
    parsed: ParsedLines, path: Path, offset: int, returned: np.ndarray, quarantine: Quarantine
) -> pl.DataFrame:
    """The rows less those whose pair stood before them; `returned` are keys of users who came before this block."""
    rows = parsed.rows
    if not len(returned) and parsed.distinct:
        return rows
    repeated = ~rows.select(pl.struct("user_id", "song_id").is_first_distinct().alias("first"))["first"]
    if len(returned):
        back = rows["user_id"].unique()
        back = back.filter(pl.Series(np.isin(user_keys(back), returned)))
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
            rows = parse_lines(data, 1, path.name, Quarantine("entp")).rows
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

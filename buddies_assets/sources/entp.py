"""Reader of the Echo Nest Taste Profile: play rows streamed in bounded frames, bad lines set aside one by one."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.sources.entp_lines import PLAYS, ParsedLines, count_lines, parse_lines, user_keys
from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.inputs.listing import Member
from buddies_assets.sources.inputs.opening import line_blocks, parts_of
from buddies_assets.sources.quarantine import Quarantine, ReadCounts, safe_excerpt, set_aside, without_forgotten
from buddies_assets.sources.sampling import users_in_sample
from buddies_core.storage.forgotten import ForgottenIds
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
    """Whole lines of a member; with a fault, none: the member cannot be read on from here."""

    member: Member
    first_line: int
    offset: int
    data: bytes = b""
    fault: InputFault | None = None


def read_triplets(
    path: Path,
    *,
    strict: bool,
    batch_bytes: int = 32 << 20,
    workers: int = 1,
    sample: float = 1.0,
    forgotten: ForgottenIds | None = None,
) -> Iterator[PlayBatch]:
    """Play rows of `train_triplets.txt`, compressed or not, or of an archive of its parts, in batches.

    A batch ends between two users. The rows of a user stand together in the published file, so a repeated (user, song)
    pair is found inside a batch. A user who comes back later is noticed too (eight bytes are kept for each user), and
    then what was read up to that batch is searched for that user's earlier songs: exact and bounded in memory, slow
    only for a shuffled file. Of a repeated pair the first row is kept: adding the counts would hide a file that was
    concatenated twice.

    Args:
        path: the file.
        strict: raise at the first bad line instead of setting it aside.
        batch_bytes: raw bytes of a batch, about.
        workers: threads that parse batches; the same batches come, in order, whatever their number.
        sample: share of users who are kept, by hash of their ids.
        forgotten: users who are left out, of the quarantine too.

    Raises:
        SourceNotFoundError: no such file, or it cannot be read.
        MalformedInputError: with `strict`, at the first bad line or member that is not read.
    """
    parts = parts_of(SOURCE, path, "BUDDIES_ENTP_FILE")
    members, aside = parts.members, set_aside("entp", parts.unread, strict=strict)
    seen = np.empty(0, np.uint64)

    def parse(block: _Block) -> tuple[_Block, ParsedLines, Quarantine]:
        quarantine = Quarantine("entp", strict=strict)
        if block.fault is not None:
            quarantine.add_fault(block.member.name, block.fault)
        return block, parse_lines(block.data, block.first_line, block.member.name, quarantine), quarantine

    blocks = (block for member in members for block in _user_blocks(member, batch_bytes))
    with ThreadPoolExecutor(workers, thread_name_prefix="entp") as pool:
        for block, parsed, quarantine in in_order(pool, parse, blocks, ahead=workers + 1):
            seen, returned = _added(seen, parsed.users)
            before = [*members[: members.index(block.member)], block.member]
            good = _first_of_pairs(parsed, before, block.offset, returned, quarantine)
            plays = good.select(PLAYS.names())
            if sample < 1:
                plays = plays.filter(pl.Series(users_in_sample(user_keys(plays["user_id"]), sample)))
            sampled = plays.height
            if forgotten:
                plays = plays.filter(~forgotten.mask(plays["user_id"]))
            begins = block.offset == 0
            counts = ReadCounts(
                files=int(begins),
                bad_files=int(block.fault is not None),
                rows=parsed.lines,
                kept=plays.height,
                quarantined=parsed.lines - good.height,
                left_out=good.height - plays.height,
                forgotten=sampled - plays.height,
                bytes=block.member.size * begins,
                unread_bytes=block.fault.unread_bytes if block.fault else 0,
                lines=count_lines(block.data),
                parsed_lines=parsed.lines,
            )
            frame = without_forgotten(quarantine.frame(), forgotten).sort("position", maintain_order=True)
            yield PlayBatch(plays, frame, counts, len(block.data))
    if parts.unread:
        yield PlayBatch(pl.DataFrame(schema=PLAYS), *aside, 0)


def _user_blocks(member: Member, batch_bytes: int) -> Iterator[_Block]:
    """Blocks of whole lines that end between two users where they can."""
    line, offset, carry = 1, 0, b""
    fault: InputFault | None = None
    blocks = line_blocks(member, batch_bytes)
    while True:
        try:
            data = carry + next(blocks)
        except StopIteration:
            break
        except InputFault as found:
            fault = found
            break
        cut = _last_user_start(data)
        carry = data[cut:]
        if cut:
            yield _Block(member, line, offset, data[:cut])
            line += data.count(b"\n", 0, cut)
            offset += cut
    if carry or (offset == 0 and fault is None):
        yield _Block(member, line, offset, carry)
    if fault is not None:
        yield _Block(member, line + carry.count(b"\n"), offset + len(carry), fault=fault)


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
    parsed: ParsedLines, before: list[Member], offset: int, returned: np.ndarray, quarantine: Quarantine
) -> pl.DataFrame:
    """The rows less those whose pair stood before them; `returned` are keys of users who came before this block.

    `before` are the members up to that of the block, which begins at `offset` of the last of them.
    """
    rows = parsed.rows
    if not len(returned) and parsed.distinct:
        return rows
    repeated = ~rows.select(pl.struct("user_id", "song_id").is_first_distinct().alias("first"))["first"]
    if len(returned):
        back = rows["user_id"].unique()
        back = back.filter(pl.Series(np.isin(user_keys(back), returned)))
        earlier = _earlier_pairs(before, offset, back)
        hit = rows.select("user_id", "song_id", "line").join(earlier, on=["user_id", "song_id"], how="semi")
        repeated = repeated | rows["line"].is_in(hit["line"].implode())
    if not repeated.any():
        return rows
    for user, song, plays, line in rows.filter(repeated).select("user_id", "song_id", "plays", "line").iter_rows():
        quarantine.add(before[-1].name, line, "song_id", "repeated_song_id", safe_excerpt(f"{user} {song} {plays}"))
    return rows.filter(~repeated)


def _earlier_pairs(members: list[Member], offset: int, users: pl.Series) -> pl.DataFrame:
    """The good (user, song) pairs of some users in the members, of the last of them in its first `offset` bytes."""
    found = [pl.DataFrame(schema={"user_id": pl.String, "song_id": pl.String})]
    wanted = users.implode()
    for member in members:
        left = offset if member is members[-1] else None
        with contextlib.suppress(InputFault):  # it is in the quarantine already
            for data in line_blocks(member, 32 << 20):
                rows = parse_lines(data[:left], 1, member.name, Quarantine("entp")).rows
                found.append(rows.filter(pl.col("user_id").is_in(wanted)).select("user_id", "song_id"))
                if left is not None and (left := left - len(data)) <= 0:
                    break
    return pl.concat(found).unique()

"""Lines of the Echo Nest Taste Profile: a block of them in one vectorised pass, line by line only where one is bad."""

import io
import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.sources.quarantine import Quarantine
from buddies_core.kernels.distinct import distinct

PLAYS = pl.Schema({"user_id": pl.String, "song_id": pl.String, "plays": pl.UInt32})
"""What a good line says."""

_GOOD = re.compile(rb"([0-9a-f]{40})\t(SO[A-Z0-9]{16})\t([0-9]{1,10})")
_USER, _SONG = re.compile(rb"[0-9a-f]{40}"), re.compile(rb"SO[A-Z0-9]{16}")
_MOST_PLAYS = 2**32 - 1


@dataclass(frozen=True)
class ParsedLines:
    """The good lines of a block.

    Attributes:
        rows: `PLAYS` and `line`, the number of the line in its file; in file order.
        lines: lines of the block, good or bad.
        users: sorted distinct keys of the users (see `user_keys`).
        distinct: no (user, song) pair stands here twice.
    """

    rows: pl.DataFrame
    lines: int
    users: np.ndarray
    distinct: bool


def parse_lines(data: bytes, first_line: int, file: str, quarantine: Quarantine) -> ParsedLines:
    """Whole lines of `file` from number `first_line` on; the bad ones go to the quarantine.

    Raises:
        MalformedInputError: at the first bad line, when the quarantine is strict.
    """
    lines = count_lines(data)
    rows = _all_good(data, lines, first_line)
    if rows is None:
        rows = _good_lines(data, first_line, file, quarantine)
    pairs = rows.select(pl.struct("user_id", "song_id").hash().n_unique()).item()
    users = distinct(user_keys(rows["user_id"].unique()))
    return ParsedLines(rows, lines, users, distinct=pairs == rows.height)


def count_lines(data: bytes) -> int:
    """Lines of the data; the last one may lack its line break."""
    return data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))


def user_keys(users: pl.Series) -> np.ndarray:
    """The first 64 bits of each user id: enough to notice a user who may have come before, and small to keep."""
    return users.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()


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

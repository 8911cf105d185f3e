"""The quarantine of raw input: what was set aside, where it stood and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.inputs.listing import Unread
from buddies_core.errors import MalformedInputError
from buddies_core.storage.forgotten import ForgottenIds

SCHEMA = pl.Schema(
    {
        "source": pl.String,
        "file": pl.String,
        "position": pl.Int64,
        "field": pl.String,
        "reason": pl.String,
        "excerpt": pl.String,
    }
)
"""One row per bad unit (a file, a playlist, or a row); `position` is a line number, or a pid for MPD."""

REASONS = {
    "malformed_json": "a stretch of the file is not JSON; what stands before and behind it is kept",
    "truncated_file": "the file ends in the middle; what came whole is kept",
    "undecodable_file": "the compressed file cannot be decoded to its end; what could be is kept",
    "unreadable_archive": "an archive packed in a way that cannot be undone here, such as with a password",
    "foreign_format": "a file of another format than its source has, such as a database or a web page",
    "unread_file": "a file that looks like data and is not read, by its name or its kind",
    "unclosed_quote": "a quotation mark that opens a field and never closes; the lines behind it are read",
    "missing_field": "a required field is absent, null or empty",
    "wrong_type": "a field holds a value of another type",
    "bad_id": "an identifier does not have its documented form, or a number is outside the range of its type",
    "negative_count": "a count below its smallest legal value (1 for plays, 0 for the counts of a playlist)",
    "not_a_number": "a count that is not a whole number",
    "duplicate_pid": "a playlist whose pid was read before; the first in slice order is kept",
    "repeated_song_id": "a second play row of a user and song, or a second, different text of a song id",
    "mojibake": "text with undecodable bytes, U+FFFD or NUL, which nothing can restore",
    "weight_not_positive": "a weight of zero or less, which says of no item that it is liked",
    "wrong_field_count": "a line with more or fewer fields than its format has",
}
"""Every reason code, with its meaning. Codes are stable: checks and dashboards count by them."""

EXCERPT_CHARACTERS = 200


def safe_excerpt(value: object) -> str:
    """At most 200 characters of printable text that stand for a bad value."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    text = text[: EXCERPT_CHARACTERS * 2]
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return text if len(text) <= EXCERPT_CHARACTERS else text[: EXCERPT_CHARACTERS - 1] + "…"


@dataclass(frozen=True)
class ReadCounts:
    """How many rows a reader met, so that nothing is lost unseen: rows = kept + quarantined + repeats + left out.

    Attributes:
        files: files opened.
        bad_files: files of which a part or all is unread, its rows unknown.
        rows: rows met.
        kept: rows returned.
        quarantined: rows that have a row in the quarantine.
        repeats: exact repeats of a kept row that a source is known to hold, dropped without being an error.
        repaired: kept rows of which some text was repaired (counted within `kept`).
        nulled: values of fields that are not needed which could not be read and became null; their rows are kept.
        left_out: good rows outside the sample (`BUDDIES_SAMPLE`), or of users who were forgotten.
        forgotten: of those left out, the rows of users who were forgotten.
        bytes, unread_bytes: size of the files on disk, and of that part of them whose rows are unknown.
        lines, parsed_lines: lines as counted before parsing, and as the rows account for them; 0 for JSON.
    """

    files: int = 0
    bad_files: int = 0
    rows: int = 0
    kept: int = 0
    quarantined: int = 0
    repeats: int = 0
    repaired: int = 0
    nulled: int = 0
    left_out: int = 0
    forgotten: int = 0
    bytes: int = 0
    unread_bytes: int = 0
    lines: int = 0
    parsed_lines: int = 0

    def __add__(self, other: "ReadCounts") -> "ReadCounts":
        return ReadCounts(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})

    @property
    def reconciled(self) -> bool:
        """Whether every row met is accounted for."""
        rows = self.kept + self.quarantined + self.repeats + self.left_out
        return self.rows == rows and self.lines == self.parsed_lines


@dataclass
class Quarantine:
    """A collector of bad input for one source; in strict mode the first addition raises.

    Attributes:
        source: name of the source, such as "mpd".
        strict: raise `MalformedInputError` in place of collecting.
    """

    source: str
    strict: bool = False
    rows: list[tuple[str, str, int | None, str | None, str, str]] = field(default_factory=list)

    def add(self, file: str, position: int | None, column: str | None, reason: str, value: object) -> None:
        """Set one bad unit aside; `reason` is a key of `REASONS`."""
        if reason not in REASONS:
            raise KeyError(f"{reason!r} is not a quarantine reason: document it in REASONS first")
        excerpt = safe_excerpt(value)
        if self.strict:
            raise MalformedInputError(file, position, column, reason, excerpt)
        self.rows.append((self.source, file, position, column, reason, excerpt))

    def add_fault(self, file: str, fault: InputFault) -> None:
        """Set a file, or the rest of it, aside."""
        self.add(file, None, None, fault.reason, str(fault))

    def frame(self) -> pl.DataFrame:
        """Everything collected, in the order it was met."""
        return pl.DataFrame(self.rows, schema=SCHEMA, orient="row")


def set_aside(source: str, unread: Sequence[Unread], *, strict: bool) -> tuple[pl.DataFrame, ReadCounts]:
    """What lies among the input and is not read, as rows of the quarantine where it looks like data, and its counts.

    Raises:
        MalformedInputError: in strict mode, at the first that looks like data.
    """
    quarantine = Quarantine(source, strict=strict)
    data = [one for one in unread if one.is_data]
    for one in data:
        quarantine.add_fault(one.name, one.fault)
    size = sum(one.size for one in data)
    return quarantine.frame(), ReadCounts(bad_files=len(data), bytes=size, unread_bytes=size)


def without_forgotten(quarantined: pl.DataFrame, forgotten: ForgottenIds | None) -> pl.DataFrame:
    """The rows of a quarantine; the excerpt of one that names somebody forgotten says that alone."""
    if not forgotten or not quarantined.height:
        return quarantined
    ids = quarantined["excerpt"].str.extract_all(r"[0-9a-fA-F]{40}")
    named = [any(user_id in forgotten for user_id in found) for found in ids.to_list()]
    text = pl.when(pl.Series(named)).then(pl.lit("(a user who was forgotten)")).otherwise(pl.col("excerpt"))
    return quarantined.with_columns(excerpt=text)


def empty_quarantine() -> pl.DataFrame:
    """A quarantine frame without rows."""
    return pl.DataFrame(schema=SCHEMA)

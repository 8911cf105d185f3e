"""Anybody's own interactions: one file of who has what, how often, in whatever form it was exported.

CSV, TSV, semicolons or Parquet, compressed or in an archive (`inputs`); with a header whose usual names are recognised,
or with the names given; without weights every row counts 1. Ids are text. Rows of one user and item are summed later;
rows that cannot be used are set aside with the reason.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from buddies_assets.sources.inputs.codepages import to_utf8
from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.inputs.listing import Member
from buddies_assets.sources.inputs.opening import line_blocks, parts_of
from buddies_assets.sources.quarantine import Quarantine, ReadCounts
from buddies_core.errors import BuddiesError

USUAL = {
    "user": ("user", "userid", "user_id", "listener", "listener_id", "uid", "u", "account", "customer_id"),
    "item": (
        *("item", "itemid", "item_id", "artist", "artistid", "artist_id", "song", "songid", "song_id"),
        *("track", "trackid", "track_id", "movie_id", "movieid", "product_id", "iid", "i"),
    ),
    "weight": ("weight", "plays", "play_count", "playcount", "count", "rating", "score", "n", "listens"),
    "time": ("time", "timestamp", "date", "datetime", "played_at", "created_at", "ts"),
    "tag": ("tag", "tagid", "tag_id", "tagvalue", "genre", "label"),
}
"""Names of columns by their meaning, as they usually occur; letter case does not matter."""

_BLOCK = 4 << 20
_SEPARATORS = "\t,;|"
_ROWS_AT_ONCE = 200_000
_GREATEST = float(np.finfo(np.float32).max)


class ColumnError(BuddiesError):
    """A column that a file lacks, or that cannot be told apart from others."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns that were said; None is to be recognised, and may be missing where it is optional."""

    user: str | None = None
    item: str | None = None
    weight: str | None = None
    time: str | None = None
    tag: str | None = None

    def named(self, meaning: str) -> str | None:
        """What was said for a meaning."""
        return getattr(self, meaning)


@dataclass(frozen=True, slots=True)
class InteractionsFile:
    """What a file holds: `rows` has `user, item, weight` and, where it was there, `time`; all but the weight are text.

    `columns` says which column was taken for what; without one for the weight every row weighs 1.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    counts: ReadCounts
    columns: dict[str, str]


def read_interactions(path: Path, columns: Columns | None = None, *, strict: bool = False) -> InteractionsFile:
    """Read a file of interactions.

    Raises:
        SourceNotFoundError: there is no such file, or nothing in it can be read.
        ColumnError: it has no column for users or items, or lacks one that was said.
        MalformedInputError: in strict mode, at the first row that would be set aside.
    """
    reader = _Reader(path, columns or Columns(), ("user", "item"), ("weight", "time"), strict=strict)
    return reader.read()


def read_tags(path: Path, columns: Columns | None = None, *, strict: bool = False) -> InteractionsFile:
    """Read a file of tags given to items: `rows` has `item, tag` and, where it was there, `user`.

    Raises:
        SourceNotFoundError, ColumnError, MalformedInputError: as `read_interactions`.
    """
    return _Reader(path, columns or Columns(), ("item", "tag"), ("user",), strict=strict).read()


def read_member(member: Member, columns: Columns, *, tags: bool = False, strict: bool = False) -> InteractionsFile:
    """Read one member of an archive or folder as interactions, or as tags.

    Raises:
        ColumnError, MalformedInputError: as `read_interactions`.
    """
    if tags:
        return _Reader(member.path, columns, ("item", "tag"), ("user",), strict=strict, member=member).read()
    return _Reader(member.path, columns, ("user", "item"), ("weight", "time"), strict=strict, member=member).read()


@dataclass
class _Reader:
    path: Path
    said: Columns
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    strict: bool
    member: Member | None = None
    found: dict[str, str] = field(default_factory=dict)
    met: int = 0
    nested: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.quarantine = Quarantine("interactions", strict=self.strict)
        self.kept: dict[str, list] = {}
        self.frames: list[pl.DataFrame] = []

    def read(self) -> InteractionsFile:
        """All rows of all members."""
        for file, position, names, values in self._records():
            if not self.found:
                self.found = recognised(names, self.said, self.needed, self.optional, self.path)
                if several := self.nested & {*self.found.values()}:
                    raise ColumnError(
                        f"{self.path}: column {min(several)!r} holds several values a row; give one of one."
                    )
                self.kept = {meaning: [] for meaning in self._kept_columns()}
            self.met += 1
            self._row(file, position, dict(zip(names, values, strict=True)))
        if not self.found:
            raise ColumnError(f"{self.path} has no rows below its header; give a file with at least one.")
        self._flush()
        rows = pl.concat(self.frames)
        set_aside = self.quarantine.frame()
        beside = set_aside.filter(pl.col("position").is_not_null()).height
        counts = ReadCounts(files=1, rows=self.met, kept=rows.height, quarantined=beside)
        return InteractionsFile(rows, set_aside, counts, self.found)

    def _kept_columns(self) -> list[str]:
        optional = [name for name in self.optional if name in self.found and name != "weight"]
        return [*self.needed, *(["weight"] if "weight" in self.optional else []), *optional]

    def _row(self, file: str, position: int, values: dict[str, str]) -> None:
        texts = {meaning: values[column] for meaning, column in self.found.items()}
        for meaning in self.needed:
            # Two ids that cannot be decoded must not become one.
            reason = "missing_field" if not texts[meaning] else "mojibake" if "\ufffd" in texts[meaning] else None
            if reason:
                self.quarantine.add(file, position, self.found[meaning], reason, list(values.values()))
                return
        if "weight" in self.optional:
            weight = 1.0
            if "weight" in self.found:
                weight, reason = _weight(texts["weight"])
                if reason:
                    self.quarantine.add(file, position, self.found["weight"], reason, list(values.values()))
                    return
            self.kept["weight"].append(weight)
        for meaning in self.kept:
            if meaning != "weight":
                self.kept[meaning].append(texts[meaning])
        if len(self.kept[self.needed[0]]) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        schema = {name: pl.Float64 if name == "weight" else pl.String for name in self.kept}
        self.frames.append(pl.DataFrame(self.kept, schema=schema))
        self.kept = {name: [] for name in self.kept}

    def _records(self) -> Iterator[tuple[str, int, Sequence[str], Sequence[str]]]:
        """File, line, names and values of every row; rows of another length go to the quarantine here."""
        if self.member is not None:
            yield from self._text(self.member)
            return
        if self.path.is_file():
            with self.path.open("rb") as stream:
                magic = stream.read(4)
            if magic == b"PAR1":
                yield from self._parquet()
                return
        for member in parts_of("interactions", self.path, "FILE").members:
            yield from self._text(member)

    def _parquet(self) -> Iterator[tuple[str, int, Sequence[str], Sequence[str]]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            self.nested = frozenset(one.name for one in file.schema_arrow if pa.types.is_nested(one.type))
            line = 0
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                names = batch.schema.names
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    line += 1
                    yield self.path.name, line, names, [_cell(value) for value in values]

    def _text(self, member: Member) -> Iterator[tuple[str, int, Sequence[str], Sequence[str]]]:
        before, at, names, separator = 0, 0, None, ","
        try:
            for block in line_blocks(member, _BLOCK):
                text = to_utf8(block)[0].decode("utf-8", "replace").removeprefix("\ufeff")
                lines = text.split("\n")
                if names is None:
                    separator = max(_SEPARATORS, key=lambda mark: lines[0].count(mark))
                # Tabs are not quoted: titles hold quotation marks of their own.
                quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
                rows = csv.reader(lines if lines[-1] else lines[:-1], delimiter=separator, quoting=quoting)
                for row in rows:
                    at = before + rows.line_num
                    if not any(cell.strip() for cell in row):
                        continue
                    cells = [cell.strip() for cell in row]
                    if names is None:
                        names = self._header(cells)
                        if names is cells:
                            continue
                    if len(cells) != len(names):
                        self.met += 1
                        self.quarantine.add(member.name, at, None, "wrong_field_count", separator.join(row))
                    else:
                        yield member.name, at, names, cells
                before += rows.line_num
        except InputFault as fault:
            self.quarantine.add_fault(member.name, fault)
        except csv.Error as error:
            raise ColumnError(f"{self.path}, line {at + 1}: {error}; is it a text file with separators?") from error

    def _header(self, cells: list[str]) -> list[str]:
        """The names of the columns: the first line, or the usual order where that line is data already."""
        usual = {name for names in USUAL.values() for name in names}
        said = {self.said.named(meaning) for meaning in USUAL}
        bare = (*self.needed, *self.optional)
        if len(cells) > len(bare) or any(cell.lower() in usual or cell in said for cell in cells):
            return cells
        numeric = len(cells) > 2 and "weight" in bare and _weight(cells[2])[1] != "not_a_number"
        return list(bare[: len(cells)]) if numeric or (len(cells) == 2 and cells[0].isdigit()) else cells


def recognised(
    names: Sequence[str], said: Columns, needed: Sequence[str], optional: Sequence[str], path: Path
) -> dict[str, str]:
    """Which column has which meaning.

    Raises:
        ColumnError: a needed column cannot be recognised, one that was said is missing, or one has two meanings.
    """
    lowered = {name.lower(): name for name in names}
    listed = ", ".join(names)
    found = {}
    for meaning in (*needed, *optional):
        wanted = said.named(meaning)
        if wanted is not None:
            if wanted not in names:
                raise ColumnError(f"{path} has no column {wanted!r}; its columns are {listed}.")
            found[meaning] = wanted
        else:
            usual = [
                lowered[name] for name in USUAL[meaning] if name in lowered and lowered[name] not in found.values()
            ]
            if usual:
                found[meaning] = usual[0]
            elif meaning in needed:
                raise ColumnError(
                    f"{path}, line 1: no column looks like the {meaning} among {listed}; say which with --{meaning}."
                )
    twice = [name for name in found.values() if list(found.values()).count(name) > 1]
    if twice:
        raise ColumnError(f"{path}: the column {twice[0]!r} was said for two things; say another for one of them.")
    return found


def _cell(value: object) -> str:
    """A value of a Parquet column as text; writers of old leave text as bytes."""
    if value is None:
        return ""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _weight(text: str) -> tuple[float, str | None]:
    """The weight, and why it cannot be used: models read it as a number of 32 bits."""
    try:
        value = float(text)
    except ValueError:
        return 0.0, "missing_field" if not text else "not_a_number"
    if not math.isfinite(value) or value > _GREATEST:
        return 0.0, "not_a_number"
    return value, None if value > 0 else "weight_not_positive"

"""Plays with their times: `user, time, song…`, as an export has them or in the form of the Last.fm 1K users data.

With a header the usual names are recognised (`interactions_file`); title and artist may stand beside. Without one a
line of six fields by tabs is Last.fm's: user, time, artist id, artist, track id, title, where a track without an id is
known by its text. A time is ISO 8601 or seconds since 1970. What cannot be read is set aside with the reason.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from buddies_assets.sources.inputs.codepages import to_utf8
from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.inputs.opening import line_blocks, parts_of
from buddies_assets.sources.interactions_file import Columns, read_interactions
from buddies_assets.sources.quarantine import Quarantine
from buddies_core.interactions.song_key import canonical_key

SOURCE = "dated plays"
_FIELDS = 6
_BLOCK = 4 << 20
_DAY = 86_400.0
_LATEST = 4_102_444_800.0
"""Seconds of the year 2100: what is later was written in milliseconds, or is no time."""
_SONG = ("song", "song_id", "songid", "track", "track_id", "trackid", "item", "item_id", "itemid")
_TEXT = {"song_id": pl.String, "title": pl.String, "artist": pl.String}


@dataclass(frozen=True, slots=True)
class DatedPlays:
    """Plays by time.

    Attributes:
        plays: user, item, weight (1 a row unless the file says more) and `time`, days since 1970.
        texts: song_id, title, artist, where the file tells.
        quarantine: what was set aside.
    """

    plays: pl.DataFrame
    texts: pl.DataFrame
    quarantine: pl.DataFrame


def read_dated(path: Path, columns: Columns | None = None, *, strict: bool = False) -> DatedPlays:
    """Read plays with their times.

    Raises:
        SourceNotFoundError: there is no such file, or nothing in it can be read.
        ColumnError: it has no column for users, items or times.
        MalformedInputError: in strict mode, at the first row that would be set aside.
    """
    if is_lastfm(path):
        return _lastfm(path, strict=strict)
    read = read_interactions(path, columns or song_columns(path), strict=strict)
    quarantine = Quarantine(SOURCE, strict=strict)
    texts = _texts(path, read.columns["item"])
    if "time" not in read.rows.columns:
        return DatedPlays(read.rows, texts, read.quarantine)
    written = read.rows["time"].to_list()
    rows = read.rows.with_columns(time=pl.Series([_days(text) for text in written], dtype=pl.Float64))
    for place in rows["time"].is_null().arg_true().to_list():
        quarantine.add(path.name, None, read.columns["time"], "wrong_type", f"{rows['user'][place]}: {written[place]}")
    return DatedPlays(rows.drop_nulls("time"), texts, pl.concat([read.quarantine, quarantine.frame()]))


def song_columns(path: Path) -> Columns:
    """Which column is the song: an artist may stand beside it, which elsewhere is what is recommended."""
    names = _header(path)
    return Columns(item=next((names[name] for name in _SONG if name in names), None))


def _header(path: Path) -> dict[str, str]:
    """Names of the first line by their lower case; nothing for what is no plain text and no Parquet."""
    if not path.is_file():
        return {}
    with path.open("rb") as stream:
        first = stream.readline(1 << 16)
    if first.startswith(b"PAR1"):
        return {name.lower(): name for name in pl.read_parquet_schema(path)}
    text = to_utf8(first)[0].decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
    separator = max("\t,;|", key=text.count)
    return {name.strip().strip('"').lower(): name.strip().strip('"') for name in text.split(separator)}


def _texts(path: Path, song: str) -> pl.DataFrame:
    """Title and artist of songs, where the file has columns of these names beside the song's."""
    names = _header(path)
    if not {"title", "artist", song.lower()} <= set(names):
        return pl.DataFrame(schema=_TEXT)
    columns = [song, names["title"], names["artist"]]
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path, columns=columns)
    else:
        with path.open(encoding="utf-8", errors="replace") as stream:
            separator = max("\t,;|", key=stream.readline().count)
        quote = None if separator == "\t" else '"'
        frame = pl.read_csv(
            path, separator=separator, quote_char=quote, columns=columns, infer_schema=False, encoding="utf8-lossy",
            truncate_ragged_lines=True,
        )  # fmt: skip
    told = frame.select(pl.all().cast(pl.String)).rename(dict(zip(columns, _TEXT, strict=True))).select(list(_TEXT))
    return (
        told.drop_nulls().filter(pl.all_horizontal(pl.all() != "")).unique("song_id", keep="first", maintain_order=True)
    )


def is_lastfm(path: Path) -> bool:
    """Whether the first line of a file has the six fields of the Last.fm 1K users data."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        cells = to_utf8(stream.readline(1 << 16))[0].decode("utf-8", "replace").rstrip("\r\n").split("\t")
    return len(cells) == _FIELDS and _days(cells[1]) is not None


def _lastfm(path: Path, *, strict: bool) -> DatedPlays:
    quarantine = Quarantine(SOURCE, strict=strict)
    users: list[str] = []
    items: list[str] = []
    times: list[float] = []
    texts: dict[str, tuple[str, str]] = {}
    for member in parts_of(SOURCE, path, "FILE").members:
        line = 0
        try:
            for block in line_blocks(member, _BLOCK):
                for text in to_utf8(block)[0].decode("utf-8", "replace").split("\n"):
                    if not text.strip():
                        continue
                    line += 1
                    row = _row(text.rstrip("\r"), member.name, line, quarantine)
                    if row is None:
                        continue
                    user, day, artist, track, title = row
                    song = track or canonical_key(title, artist)
                    users.append(user)
                    items.append(song)
                    times.append(day)
                    texts.setdefault(song, (title, artist))
        except InputFault as fault:
            quarantine.add_fault(member.name, fault)
    plays = pl.DataFrame(
        {"user": users, "item": items, "weight": [1.0] * len(users), "time": times},
        schema={"user": pl.String, "item": pl.String, "weight": pl.Float64, "time": pl.Float64},
    )
    told = [(song, title, artist) for song, (title, artist) in texts.items()]
    return DatedPlays(plays, pl.DataFrame(told, schema=_TEXT, orient="row"), quarantine.frame())


def _row(text: str, file: str, line: int, quarantine: Quarantine) -> tuple[str, float, str, str, str] | None:
    cells = text.split("\t")
    if len(cells) != _FIELDS:
        quarantine.add(file, line, None, "wrong_field_count", text)
        return None
    user, when, _, artist, track, title = (cell.strip() for cell in cells)
    day = _days(when)
    if day is None:
        quarantine.add(file, line, "time", "wrong_type" if when else "missing_field", text)
        return None
    if not user or not (track or (artist and title)):
        quarantine.add(file, line, "user" if not user else "title", "missing_field", text)
        return None
    return user, day, artist, track, title


def _days(text: str) -> float | None:
    """Days since 1970 of a time as text, or None."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            return None
        seconds = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        return None
    if seconds > _LATEST:
        seconds /= 1000.0
    return seconds / _DAY if 0.0 <= seconds <= _LATEST else None

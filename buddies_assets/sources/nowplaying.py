"""The #nowplaying playlists of the track2vec tutorial: `user_id, "artistname", "trackname", "playlistname"` as CSV.

The file's header is quoted oddly (` ""artistname""`: a blank and quotes inside quotes), names hold commas, quotes and
quotes left over at their end. It has no ids of songs and no places: a song is its text, a playlist is a user's name for
it, and the order is that of the rows.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from buddies_assets.sources.inputs.listing import list_inputs
from buddies_assets.sources.inputs.opening import text_lines, whole
from buddies_assets.sources.quarantine import Quarantine
from buddies_core.errors import SourceNotFoundError

SOURCE = "#nowplaying"
COLUMNS = ("user_id", "artistname", "trackname", "playlistname")
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class NowPlaying:
    """What was read.

    Attributes:
        tracks: `pid, pos, track_uri, track_name, artist_name`, as of the Million Playlist Dataset; a URI is made of the
            song's text.
        playlists: `pid, name, num_followers` (null), numbered as they first appear.
        quarantine: rows that could not be used.
    """

    tracks: pl.DataFrame
    playlists: pl.DataFrame
    quarantine: pl.DataFrame


def read_nowplaying(path: Path, *, strict: bool = False) -> NowPlaying:
    """Read the file, or the one in a zip.

    Raises:
        SourceNotFoundError: there is no such file, or its first line does not name the four columns.
        MalformedInputError: in strict mode, at the first bad row.
    """
    if not path.exists():
        raise SourceNotFoundError(SOURCE, path, "no such file", "Set BUDDIES_NOWPLAYING_FILE to the CSV.")
    member = list_inputs(path).members[0]
    quarantine = Quarantine("nowplaying", strict=strict)
    data, fault = whole(member)
    if fault is not None:
        quarantine.add_fault(member.name, fault)
    lines = text_lines(data)[0]
    # A row a line: a quotation mark that never closes would swallow all lines behind it.
    rows = (next(csv.reader([line]), []) for line in lines)
    header = [_bare(name) for name in next(rows, [])]
    if tuple(header) != COLUMNS:
        found, wanted = ", ".join(header)[:100], ", ".join(COLUMNS)
        raise SourceNotFoundError(SOURCE, path, f"columns {found!r}", f"Its first line has to name {wanted}.")
    numbers: dict[tuple[str, str], int] = {}
    lengths: dict[int, int] = {}
    found_rows: list[tuple[int, int, str, str, str]] = []
    for place, row in enumerate(rows, start=2):
        if len(row) != len(COLUMNS):
            quarantine.add(path.name, place, None, "wrong_field_count", ",".join(row))
            continue
        user, artist, title, playlist = (_bare(value) for value in row)
        empty = next((name for name, value in zip(COLUMNS, (user, artist, title), strict=False) if not value), None)
        if empty is not None:
            quarantine.add(path.name, place, empty, "missing_field", ",".join(row))
            continue
        pid = numbers.setdefault((user, playlist), len(numbers))
        pos = lengths[pid] = lengths.get(pid, -1) + 1
        found_rows.append((pid, pos, _uri(artist, title), title, artist))
    schema = {"pid": pl.UInt32, "pos": pl.UInt32} | dict.fromkeys(("track_uri", "track_name", "artist_name"), pl.String)
    names = pl.DataFrame(
        {"pid": pl.Series(range(len(numbers)), dtype=pl.UInt32), "name": [name for _, name in numbers]},
        schema_overrides={"name": pl.String},
    ).with_columns(num_followers=pl.lit(None, pl.UInt32))
    return NowPlaying(pl.DataFrame(found_rows, schema=schema, orient="row"), names, quarantine.frame())


def _bare(value: str) -> str:
    """A value without blanks and quotes around it."""
    return value.strip().strip('"').strip()


def _uri(artist: str, title: str) -> str:
    """A URI of a song's text, in Spotify's form: 22 letters of its hash."""
    number = int.from_bytes(hashlib.blake2b(f"{artist}\t{title}".encode(), digest_size=16).digest(), "little")
    letters = []
    for _ in range(22):
        number, letter = divmod(number, 62)
        letters.append(_LETTERS[letter])
    return "spotify:track:" + "".join(letters)

"""Lines of the two files of song text as records; every line belongs to one, so that what is lost is seen.

The first line decides what a file is: the header of `song_data.csv`, or else `unique_tracks.txt`. A quoted field may go
over several lines, but never over a line that is a record of its own: there a quotation mark was left open.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from buddies_assets.sources.quarantine import Quarantine

SONG_ID = r"^SO[A-Z0-9]{16}$"
COLUMNS = ("song_id", "title", "artist_name", "release", "year")
NEEDED = COLUMNS[:3]
SEPARATOR = "<SEP>"
_ID = re.compile(SONG_ID)
_MOST_LINES = 50
"""Lines that one quoted field may take."""


@dataclass(frozen=True)
class Header:
    """The first line of a CSV file.

    Attributes:
        places: of `COLUMNS` in a record; None for one that the file lacks.
        width: fields of a record.
        delimiter: one character.
    """

    places: tuple[int | None, ...]
    width: int
    delimiter: str

    def fields(self, text: str) -> tuple[list[str], bool]:
        """The fields of one record, and whether a quotation mark stays open at its end."""
        if '"' not in text:
            return text.split(self.delimiter), False
        reader = csv.reader([text, "\n"], delimiter=self.delimiter)
        try:
            return next(reader), reader.line_num > 1
        except csv.Error:  # a field of more than 128 KiB
            return [], False

    def is_record(self, text: str) -> bool:
        """Whether a line is a whole record, told by its number of fields and its song id."""
        fields, is_open = self.fields(text)
        at = self.places[0] or 0
        return not is_open and len(fields) == self.width and _ID.match(fields[at].strip()) is not None


def header_of(line: str) -> Header | None:
    """The header that a line is, whatever the delimiter; None for a line of another kind."""
    for delimiter in ",;\t|":
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
        if all(name in names for name in NEEDED):
            places = tuple(names.index(name) if name in names else None for name in COLUMNS)
            return Header(places, len(names), delimiter)
    return None


class Record(NamedTuple):
    """A record of the right number of fields: the lines it stands on, from 1, and its values of `COLUMNS`."""

    first: int
    last: int
    values: Sequence[str | None]


def records(lines: Sequence[str], file: str, quarantine: Quarantine) -> Iterator[Record] | None:
    """The good records, every other line going to the quarantine; None for a file of neither format."""
    header = header_of(lines[0]) if lines else None
    if header is not None:
        return _of_csv(lines, header, file, quarantine)
    if any(SEPARATOR in line for line in lines[:20]):
        return _of_unique_tracks(lines, file, quarantine)
    return None


def _of_unique_tracks(lines: Sequence[str], file: str, quarantine: Quarantine) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        fields = line.split(SEPARATOR)
        if len(fields) != 4:
            quarantine.add(file, number, None, "wrong_field_count", line)
            continue
        _, song, artist, title = fields
        yield Record(number, number, [song, title, artist, None, None])


def _of_csv(lines: Sequence[str], header: Header, file: str, quarantine: Quarantine) -> Iterator[Record]:
    at, width = 1, header.width
    order = [place for place in header.places if place is not None]
    take = itemgetter(*order) if len(order) == len(COLUMNS) else None
    while at < len(lines):
        line = lines[at]
        if '"' not in line:
            stop, fields, is_open = at + 1, line.split(header.delimiter), False
        else:
            stop, fields, is_open = _record(lines, at, header)
        if len(fields) == width and not is_open:
            chosen = take(fields) if take else [None if p is None else fields[p] for p in header.places]
            yield Record(at + 1, stop, chosen)
        elif is_open:
            quarantine.add(file, at + 1, None, "unclosed_quote", line)
        else:
            for number in range(at, stop):
                quarantine.add(file, number + 1, None, "wrong_field_count", lines[number])
        at = stop


def _record(lines: Sequence[str], at: int, header: Header) -> tuple[int, list[str], bool]:
    """(line behind it, fields, whether a quotation mark stays open) of the record that begins at a line."""
    text = lines[at]
    fields, is_open = header.fields(text)
    if not is_open:
        return at + 1, fields, False
    for stop in range(at + 1, min(at + _MOST_LINES, len(lines))):
        if header.is_record(lines[stop]):
            break
        text = f"{text}\n{lines[stop]}"
        fields, is_open = header.fields(text)
        if not is_open and len(fields) == header.width:
            return stop + 1, fields, False
    return at + 1, [], True

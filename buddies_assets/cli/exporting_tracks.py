"""Songs as a file that players and tables read."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from buddies_core.errors import BuddiesError
from buddies_core.sequences.wish import Named


class UnknownFormatError(BuddiesError, ValueError):
    """A file whose ending names no format that songs can be written in."""


def export_tracks(path: Path, named: Sequence[Named]) -> None:
    """Write songs as `Artist - Title` lines (.txt), as an extended M3U of URIs (.m3u, .m3u8), or as a table (.csv).

    Raises:
        UnknownFormatError: another ending.
    """
    forms = {".txt": _text, ".m3u": _m3u, ".m3u8": _m3u, ".csv": _csv}
    form = forms.get(path.suffix.lower())
    if form is None:
        raise UnknownFormatError(f"{path}: songs are written as {', '.join(forms)}. Give one of these endings.")
    path.write_text(form(named), encoding="utf-8", newline="")


def _text(named: Sequence[Named]) -> str:
    return "".join(f"{_line(song.artist)} - {_line(song.title)}\n" for song in named)


def _m3u(named: Sequence[Named]) -> str:
    entries = [f"#EXTINF:-1,{_line(song.artist)} - {_line(song.title)}\n{song.uri}\n" for song in named]
    return "#EXTM3U\n" + "".join(entries)


def _csv(named: Sequence[Named]) -> str:
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(("uri", "title", "artist", "score", "why", "of", "playlists"))
    for song in named:
        why = song.why
        writer.writerow(
            (song.uri, _cell(song.title), _cell(song.artist), round(song.score, 4), why.kind, why.of, why.playlists)
        )
    return rows.getvalue()


def _line(text: str) -> str:
    """Text on one line: a break in it would start another entry."""
    return " ".join(text.split())


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

"""Defects of raw files: written to disk, read by the real readers, and found again in the quarantine by reason."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

USER = "b80344d063b5ccb3212f76538f3d9e43d87dca9e"
SONG = "SOAKIMP12A8C130995"


@dataclass(frozen=True)
class FileDefect:
    """Damage of a raw file: what is written, by which reader it is read, and the reason it must be set aside for."""

    name: str
    source: str
    reason: str
    content: bytes


def quarantined_reasons(defect: FileDefect) -> set[str]:
    """The reasons that the source's reader sets rows of the damaged file aside for."""
    with tempfile.TemporaryDirectory() as folder:
        return set(_READERS[defect.source](Path(folder), defect.content)["reason"])


def _mpd(folder: Path, content: bytes) -> pl.DataFrame:
    from buddies_assets.sources.mpd import find_slices, read_slices

    (folder / "mpd.slice.0-999.json").write_bytes(content)
    return pl.concat([group.quarantined for group in read_slices(find_slices(folder), strict=False)])


def _entp(folder: Path, content: bytes) -> pl.DataFrame:
    from buddies_assets.sources.entp import read_triplets

    path = folder / "train_triplets.txt"
    path.write_bytes(content)
    return pl.concat([batch.quarantined for batch in read_triplets(path, strict=False)])


def _msd(folder: Path, content: bytes) -> pl.DataFrame:
    from buddies_assets.sources.msd import read_songs

    path = folder / "song_data.csv"
    path.write_bytes(b"song_id,title,release,artist_name,year\n" + content)
    return read_songs([path], None, strict=False).quarantined


_READERS: dict[str, Callable[[Path, bytes], pl.DataFrame]] = {"mpd": _mpd, "entp": _entp, "msd": _msd}


def _playlist(pid: object, **track: object) -> dict[str, object]:
    whole = {
        "pos": 0,
        "track_uri": "spotify:track:0000000000000000000001",
        "track_name": "Yellow",
        "artist_name": "Coldplay",
    }
    return {"name": "mix", "pid": pid, "tracks": [{k: v for k, v in (whole | track).items() if v is not None}]}


def _slice(*playlists: dict[str, object]) -> bytes:
    return json.dumps({"info": {}, "playlists": list(playlists)}).encode()


_GOOD_PLAY = f"{USER}\t{SONG}\t3\n".encode()

FILE_DEFECTS: tuple[FileDefect, ...] = (
    FileDefect("a slice that ends in the middle", "mpd", "truncated_file", _slice(_playlist(1), _playlist(2))[:-40]),
    FileDefect("a slice that is not JSON", "mpd", "malformed_json", b"Forbidden"),
    FileDefect("a page of a web server", "mpd", "foreign_format", b"<html>Forbidden</html>"),
    FileDefect("a track without a name", "mpd", "missing_field", _slice(_playlist(1, track_name=None))),
    FileDefect("a pid that is text", "mpd", "wrong_type", _slice(_playlist("one"))),
    FileDefect("a pid in two playlists", "mpd", "duplicate_pid", _slice(_playlist(1), _playlist(1))),
    FileDefect("a user id of 39 digits", "entp", "bad_id", _GOOD_PLAY + f"{USER[:-1]}\t{SONG}\t1\n".encode()),
    FileDefect("a count in words", "entp", "not_a_number", _GOOD_PLAY + f"{USER}\tSOBBMDR12A8C13253B\ttwo\n".encode()),
    FileDefect("a line of two fields", "entp", "wrong_field_count", _GOOD_PLAY + f"{USER}\t{SONG}\n".encode()),
    FileDefect("a negative count", "entp", "negative_count", _GOOD_PLAY + f"{USER}\tSOBBMDR12A8C13253B\t-2\n".encode()),
    FileDefect("bytes that are no text", "msd", "mojibake", f"{SONG},Caf\ufffd,x,Nobody,1999\n".encode()),
    FileDefect("a song id of another form", "msd", "bad_id", b"XX123,Yellow,Parachutes,Coldplay,2000\n"),
)

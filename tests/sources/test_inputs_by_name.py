"""Whatever lies in the folder of MPD is read, or named with the reason: nothing is passed over in silence."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.sources.mpd import list_slices, merge_slices, read_slices
from buddies_assets.sources.quarantine import set_aside
from buddies_core.errors import MalformedInputError


def slice_of(first: int, playlists: int = 50) -> bytes:
    """A good slice of 50 playlists of one track."""
    track = {"pos": 0, "track_uri": f"spotify:track:{first:022d}", "track_name": "T", "artist_name": "A"}
    rows = [{"pid": first + n, "name": "mix", "tracks": [track]} for n in range(playlists)]
    return json.dumps({"info": {}, "playlists": rows}).encode()


def zipped(*members: tuple[str, bytes], **options: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


READ: list[tuple[str, bytes]] = [
    ("mpd.slice.50-99 copy.json", slice_of(50)),
    ("mpd.slice.50-99 (1).json", slice_of(50)),
    ("mpd.slice.50-99.JSON", slice_of(50)),
    ("MPD.slice.50-99.json", slice_of(50)),
    ("mpd_slice_50_99.json", slice_of(50)),
    ("mpd.slice.50-99.json.bak", slice_of(50)),
    ("more/and more/mpd.slice.50-99.json", slice_of(50)),
    ("mpd.slice.50-99.json.bz2", bz2.compress(slice_of(50))),
    ("mpd.slice.50-99.json.xz", lzma.compress(slice_of(50))),
    ("mpd.slice.50-99.json", gzip.compress(slice_of(50))),
    ("mpd.slice.50-99.json.gz", slice_of(50)),
    ("windows.zip", zipped(("data\\mpd.slice.50-99.json", slice_of(50)))),
    ("ARCHIVE.ZIP", zipped(("mpd.slice.50-99.json.gz", gzip.compress(slice_of(50))))),
    ("no ending", zipped(("mpd.slice.50-99.json", slice_of(50)))),
    ("plain.tar", tarred("data/mpd.slice.50-99.json", slice_of(50))),
]


@pytest.mark.parametrize(("name", "data"), READ, ids=[name for name, _ in READ])
def test_a_slice_is_read_under_any_name_and_packing(tmp_path: Path, name: str, data: bytes):
    (tmp_path / "mpd.slice.0-49.json").write_bytes(slice_of(0))
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
    slices = list_slices(tmp_path)
    parsed = merge_slices(list(read_slices(slices.refs, strict=True)))
    assert parsed.playlists["pid"].to_list() == list(range(100))
    assert slices.unread == []


def broken_link(folder: Path) -> None:
    (folder / "mpd.slice.50-99.json").symlink_to(folder / "gone")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "mpd.slice.50-99.json")


def circle(folder: Path) -> None:
    (folder / "again").symlink_to(folder)


def file(name: str, data: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return write


NAMED: list[tuple[str, Callable[[Path], None], str, str]] = [
    ("a broken link", broken_link, "mpd.slice.50-99.json", "a broken link"),
    ("a pipe", pipe, "mpd.slice.50-99.json", "a device, pipe or socket"),
    ("a folder that is its own", circle, "again/", "a link back to a folder above it"),
    ("another json", file("challenge_set.json", slice_of(50)), "challenge_set.json", "not named as a slice is"),
    ("a part of a split zip", file("mpd.z01", b"PK\x07\x08 part"), "mpd.z01", "one part of a zip in several parts"),
    ("a 7z", file("mpd.7z", b"7z\xbc\xaf\x27\x1c..."), "mpd.7z", "a 7z archive"),
    ("a table", file("playlists.parquet", b"PAR1..."), "playlists.parquet", "a parquet file"),
    ("a zip in a zip", file("a.zip", zipped(("b.zip", zipped(("x", b"1"))))), "a.zip/b.zip", "inside an archive"),
    ("a tar.gz", file("mpd.tar.gz", gzip.compress(tarred("a.json", slice_of(0)))), "mpd.tar.gz", "compressed tar"),
]


@pytest.mark.parametrize(("what", "make", "name", "said"), NAMED, ids=[case[0] for case in NAMED])
def test_what_looks_like_data_and_is_not_read_is_named_and_stops_a_strict_run(tmp_path: Path, what, make, name, said):
    (tmp_path / "mpd.slice.0-49.json").write_bytes(slice_of(0))
    make(tmp_path)
    slices = list_slices(tmp_path)
    assert [one.name for one in slices.unread] == [name]
    aside, counts = set_aside("mpd", slices.unread, strict=False)
    assert aside["file"].to_list() == [name]
    assert said in aside["excerpt"][0].lower() or said in aside["excerpt"][0]
    assert counts.bad_files == 1
    with pytest.raises(MalformedInputError, match="BUDDIES_STRICT"):
        set_aside("mpd", slices.unread, strict=True)


def test_documents_and_systems_files_are_listed_and_are_no_loss(tmp_path: Path):
    (tmp_path / "mpd.slice.0-49.json").write_bytes(slice_of(0))
    for name in ("README.md", "license.txt", "stats.txt", "md5sums", ".DS_Store", "._mpd.slice.0-49.json", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.zip").write_bytes(zipped(("__MACOSX/._mpd.slice.0-49.json", b"x"), ("data/", b"")))
    slices = list_slices(tmp_path)
    assert len(slices.unread) == 8
    aside, counts = set_aside("mpd", slices.unread, strict=True)
    assert (aside.height, counts.unread_bytes) == (0, 0)


def test_a_copy_of_a_slice_is_read_after_it_and_each_of_its_playlists_is_said_to_be_one(tmp_path: Path):
    (tmp_path / "mpd.slice.0-49.json").write_bytes(slice_of(0))
    (tmp_path / "mpd.slice.0-49 (1).json").write_bytes(slice_of(0))
    parsed = merge_slices(list(read_slices(list_slices(tmp_path).refs, strict=False)))
    assert parsed.playlist_counts.reconciled
    assert (parsed.playlist_counts.kept, parsed.playlist_counts.quarantined) == (50, 50)
    twice = parsed.quarantined.filter(pl.col("reason") == "duplicate_pid")
    assert twice["file"].unique().to_list() == ["mpd.slice.0-49 (1).json"]


def test_a_file_that_is_named_itself_is_read_whatever_its_name(tmp_path: Path):
    (tmp_path / "my lists").write_bytes(slice_of(7))
    refs = list_slices(tmp_path / "my lists").refs
    assert merge_slices(list(read_slices(refs, strict=True))).playlists.height == 50

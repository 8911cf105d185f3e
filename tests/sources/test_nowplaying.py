"""The tutorial's CSV with its odd quoting, as playlists in order."""

import os
from pathlib import Path

import pytest

from buddies_assets.sources.nowplaying import read_nowplaying
from buddies_core.errors import MalformedInputError, SourceNotFoundError

HEADER = 'user_id," ""artistname"""," ""trackname"""," ""playlistname"""\n'
ROWS = (
    "u1,Spice Girls,Wannabe - Radio Edit,Old times\n"
    'u1,"Choir, of King\'s","In Paradisum (1893 version, ed. John)",Old times\n'
    'u2,Spice Girls,Wannabe - Radio Edit,"Summer 2013"""""\n'
    'u1,Kristin Hersh,Your "Ghost",Old times\n'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "spotify_dataset.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_of_a_user_and_a_name_are_a_playlist_in_the_order_of_the_file(tmp_path):
    read = read_nowplaying(written(tmp_path, HEADER + ROWS))
    assert read.playlists["name"].to_list() == ["Old times", "Summer 2013"]
    first = read.tracks.filter(read.tracks["pid"] == 0).sort("pos")
    assert first["pos"].to_list() == [0, 1, 2]
    assert first["artist_name"].to_list() == ["Spice Girls", "Choir, of King's", "Kristin Hersh"]
    assert first["track_name"][1] == "In Paradisum (1893 version, ed. John)"
    same = read.tracks.filter(read.tracks["track_name"] == "Wannabe - Radio Edit")["track_uri"]
    assert same.n_unique() == 1 and read.tracks["track_uri"].n_unique() == 3
    assert read.tracks["track_uri"].str.contains("^spotify:track:[0-9A-Za-z]{22}$").all()


def test_a_bad_row_is_set_aside_with_its_line_and_loses_no_other(tmp_path):
    text = HEADER + 'u1,only,three\nu1,,No artist,Mix\nu1,"never closed,Song,Mix\n' + ROWS
    read = read_nowplaying(written(tmp_path, text))
    assert read.quarantine.select("position", "field", "reason").rows() == [
        (2, None, "wrong_field_count"), (3, "artistname", "missing_field"), (4, None, "wrong_field_count"),
    ]  # fmt: skip
    assert read.tracks.height == 4
    with pytest.raises(MalformedInputError):
        read_nowplaying(written(tmp_path, text), strict=True)


def test_another_file_is_told_by_its_columns(tmp_path):
    with pytest.raises(SourceNotFoundError, match="columns 'a, b'"):
        read_nowplaying(written(tmp_path, "a,b\n1,2\n"))
    with pytest.raises(SourceNotFoundError, match="BUDDIES_NOWPLAYING_FILE"):
        read_nowplaying(tmp_path / "absent.csv")


@pytest.mark.skipif("BUDDIES_REAL_DATA" not in os.environ, reason="BUDDIES_REAL_DATA names no real files")
def test_the_real_rows_are_all_read():
    read = read_nowplaying(Path(os.environ["BUDDIES_REAL_DATA"]) / "nowplaying" / "spotify_dataset.csv")
    assert read.tracks.height + read.quarantine.height == 500
    assert read.quarantine.height <= 5

"""Songs as text, M3U and CSV."""

import csv

import pytest

from buddies_assets.cli.exporting_tracks import UnknownFormatError, export_tracks
from buddies_core.sequences.wish import Named, Reason

SONGS = [
    Named("spotify:track:1", "Song, one", "Ana\nBanana", 1.25, Reason("follows", "spotify:track:9", 3)),
    Named("spotify:track:2", "=2+2", "Bö", 1.0, Reason("filler")),
]


def test_each_format_holds_every_song_on_a_line_of_its_own(tmp_path):
    for name in ("a.txt", "a.m3u", "a.csv"):
        export_tracks(tmp_path / name, SONGS)
    assert (tmp_path / "a.txt").read_text("utf-8") == "Ana Banana - Song, one\nBö - =2+2\n"
    assert (tmp_path / "a.m3u").read_text("utf-8").splitlines() == [
        "#EXTM3U", "#EXTINF:-1,Ana Banana - Song, one", "spotify:track:1", "#EXTINF:-1,Bö - =2+2", "spotify:track:2",
    ]  # fmt: skip
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "uri": "spotify:track:1", "title": "Song, one", "artist": "Ana\nBanana", "score": "1.25", "why": "follows",
        "of": "spotify:track:9", "playlists": "3",
    }  # fmt: skip
    assert rows[1]["title"] == "'=2+2"


def test_another_ending_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UnknownFormatError, match=r"\.m3u"):
        export_tracks(tmp_path / "a.pdf", SONGS)
    assert not list(tmp_path.iterdir())

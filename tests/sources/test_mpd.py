"""MPD slices are found in order, read whole, and what is wrong in them is set aside by name."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_assets.sources.mpd import DuplicatePids, find_slices, merge_slices, read_slices
from buddies_assets.sources.mpd_slice import PLAYLISTS, TRACKS, ParsedSlice, parse_slice
from buddies_assets.sources.quarantine import REASONS
from buddies_core.errors import MalformedInputError, SourceNotFoundError


def uri(number: int) -> str:
    return f"spotify:track:{number:022d}"


def track(number: int, **changes: object) -> dict:
    row = {
        "pos": 0,
        "artist_name": f"Artist {number}",
        "track_uri": uri(number),
        "track_name": f"Song {number}",
    } | changes
    return {key: value for key, value in row.items() if value is not ...}


def playlist(pid: object, tracks: object = None, **changes: object) -> dict:
    held = [track(1), track(2)] if tracks is None else tracks
    row = {"name": "mix", "collaborative": "false", "pid": pid, "tracks": held} | changes
    return {key: value for key, value in row.items() if value is not ...}


def encode(*playlists: object) -> bytes:
    return json.dumps({"info": {"slice": "0-999"}, "playlists": playlists}).encode()


def parse(*playlists: object) -> ParsedSlice:
    return parse_slice(encode(*playlists), "mpd.slice.0-999.json", strict=False)


def write(folder: Path, start: int, *playlists: object) -> Path:
    path = folder / f"mpd.slice.{start}-{start + 999}.json"
    path.write_bytes(encode(*playlists))
    return path


def read(folder: Path, **options: object) -> ParsedSlice:
    return merge_slices(list(read_slices(find_slices(folder), **({"strict": False} | options))))


def reasons(parsed: ParsedSlice) -> list[tuple]:
    return parsed.quarantined.select("position", "field", "reason").rows()


def test_every_original_field_comes_through_and_schemas_are_those_documented():
    full = playlist(
        7, description="d", modified_at=1493424000, num_tracks=2, num_albums=2, num_artists=2, num_followers=1,
        num_edits=6, duration_ms=448226, collaborative="true",
    )  # fmt: skip
    parsed = parse(full)
    assert parsed.playlists.rows() == [(7, "mix", "d", True, 1493424000, 2, 2, 2, 1, 6, 448226, 2)]
    assert (parsed.playlists.schema, parsed.tracks.schema) == (PLAYLISTS, TRACKS)


def test_only_pid_and_the_three_track_fields_are_required():
    parsed = parse({"pid": 3, "tracks": [track(5, pos=...), track(6, pos=...)]})
    assert parsed.playlists.rows() == [(3, "", None, None, None, None, None, None, None, None, None, 2)]
    assert parsed.tracks.rows() == [(3, 0, uri(5), "Song 5", "Artist 5"), (3, 1, uri(6), "Song 6", "Artist 6")]
    assert parsed.quarantined.is_empty()


def test_a_track_twice_in_a_playlist_and_a_playlist_without_tracks_are_legal():
    parsed = parse(playlist(1, [track(1), track(1, pos=1)]), playlist(2, []))
    assert parsed.playlists["tracks"].to_list() == [2, 0]
    assert parsed.quarantined.is_empty()


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (playlist(...), (None, "pid", "missing_field")),
        (playlist(None), (None, "pid", "missing_field")),
        (playlist("7"), (None, "pid", "wrong_type")),
        (playlist(-7), (-7, "pid", "bad_id")),
        (playlist(2**31), (2**31, "pid", "bad_id")),
        (playlist(2**32), (2**32, "pid", "bad_id")),
        (playlist(1), (1, "pid", "duplicate_pid")),
        (playlist(7, "none"), (7, "tracks", "wrong_type")),
        ({"pid": 7}, (7, "tracks", "missing_field")),
        ("not a playlist", (None, None, "wrong_type")),
    ],
)
def test_a_bad_playlist_is_set_aside_with_its_tracks_and_the_rest_goes_on(bad, expected):
    parsed = parse(playlist(1), bad, playlist(2))
    assert parsed.playlists["pid"].to_list() == [1, 2]
    assert parsed.tracks.height == 4
    assert reasons(parsed) == [expected]
    assert parsed.playlist_counts.reconciled
    assert (parsed.playlist_counts.rows, parsed.playlist_counts.quarantined) == (3, 1)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (track(9, track_uri=...), ("tracks.track_uri", "missing_field")),
        (track(9, track_name=None), ("tracks.track_name", "missing_field")),
        (track(9, artist_name="  "), ("tracks.artist_name", "missing_field")),
        (track(9, track_uri="spotify:track:short"), ("tracks.track_uri", "bad_id")),
        (track(9, track_uri="spotify:local:" + "0" * 22), ("tracks.track_uri", "bad_id")),
        (track(9, track_name=5), ("tracks.track_name", "wrong_type")),
        (track(9, track_name="Beyonc\ufffd"), ("tracks.track_name", "mojibake")),
        (track(9, artist_name="A\x00B"), ("tracks.artist_name", "mojibake")),
        (track(9, track_name="half \ud83d"), ("tracks.track_name", "mojibake")),
        (17, ("tracks", "wrong_type")),
    ],
)
def test_a_bad_track_row_is_set_aside_and_its_playlist_stays(bad, expected):
    parsed = parse(playlist(4, [track(1), bad, track(2)]))
    assert parsed.playlists["tracks"].to_list() == [2]
    assert parsed.tracks["track_uri"].to_list() == [uri(1), uri(2)]
    assert reasons(parsed) == [(4, *expected)]
    assert parsed.track_counts.reconciled
    assert (parsed.track_counts.rows, parsed.track_counts.quarantined) == (3, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode(playlist(1))[:-30], "truncated_file"),
        (b"", "truncated_file"),
        (encode(playlist(1)).replace(b'"pid":', b'"pid"'), "malformed_json"),
        (b"[]", "wrong_type"),
        (b'{"info": {}}', "missing_field"),
    ],
)
def test_a_bad_file_is_set_aside_whole(data, reason):
    parsed = parse_slice(data, "f.json", strict=False)
    assert parsed.playlists.is_empty()
    assert parsed.tracks.is_empty()
    assert parsed.quarantined.select("file", "position", "reason").rows() == [("f.json", None, reason)]
    assert parsed.playlist_counts.bad_files == 1
    with pytest.raises(MalformedInputError, match=rf"f\.json.*{reason}"):
        parse_slice(data, "f.json", strict=True)


def test_undecodable_bytes_cost_only_the_row_they_stand_in():
    data = encode(playlist(4, [track(1), track(2)])).replace(b"Song 2", b"Song \xff")
    parsed = parse_slice(data, "f.json", strict=False)
    assert parsed.tracks["track_uri"].to_list() == [uri(1)]
    assert reasons(parsed) == [(4, "tracks.track_name", "mojibake")]


def test_doubly_encoded_text_is_repaired_and_counted():
    parsed = parse(playlist(4, [track(1, artist_name="BeyoncÃ©", track_name="You Can\x92t"), track(2)]))
    assert parsed.tracks.row(0)[3:] == ("You Can’t", "Beyoncé")
    assert parsed.track_counts.repaired == 1
    assert parsed.quarantined.is_empty()


def test_strict_names_file_pid_field_and_reason():
    with pytest.raises(MalformedInputError, match=r"slice\.json, line or pid 4: bad_id in tracks\.track_uri") as caught:
        parse_slice(encode(playlist(4, [track(1, track_uri="x")])), "slice.json", strict=True)
    assert (caught.value.position, caught.value.reason) == (4, "bad_id")


def test_slices_are_taken_in_numeric_order_from_files_gzips_and_archives(tmp_path: Path):
    write(tmp_path, 10_000, playlist(10_000))
    write(tmp_path, 9_000, playlist(9_000))
    (tmp_path / "mpd.slice.2000-2999.json.gz").write_bytes(gzip.compress(encode(playlist(2_000))))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("data/mpd.slice.1000-1999.json", encode(playlist(1_000)))
        archive.writestr("__MACOSX/mpd.slice.0-999.json", b"")
    (tmp_path / "stats.txt").write_text("not a slice", encoding="utf-8")
    assert read(tmp_path).playlists["pid"].to_list() == [1_000, 2_000, 9_000, 10_000]
    assert read(tmp_path / "more.zip").playlists["pid"].to_list() == [1_000]


def test_of_a_gzip_cut_short_is_kept_what_can_be_decoded(tmp_path: Path):
    (tmp_path / "mpd.slice.0-999.json.gz").write_bytes(gzip.compress(encode(playlist(0), playlist(1)))[:-4])
    write(tmp_path, 1000, playlist(1000))
    parsed = read(tmp_path)
    assert parsed.playlists["pid"].to_list() == [0, 1, 1000]
    assert parsed.quarantined["reason"].to_list() == ["undecodable_file"]
    assert parsed.playlist_counts.bad_files == 1


def test_what_cannot_be_found_is_said_at_once(tmp_path: Path):
    with pytest.raises(SourceNotFoundError, match=r"MPD slices: no such folder or file at .*nowhere"):
        find_slices(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(SourceNotFoundError, match="none among 1 files"):
        find_slices(tmp_path)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(SourceNotFoundError, match=r"broken\.zip: the archive's list of members is damaged"):
        find_slices(tmp_path)


def test_the_first_playlist_of_a_pid_is_kept_across_slices_with_its_faults_accounted_for(tmp_path: Path):
    write(tmp_path, 0, playlist(70_000, name="first"), playlist(5))
    write(tmp_path, 1000, playlist(70_000, [track(1), track(2, track_uri="x")], name="second"), playlist(6))
    parsed = read(tmp_path)
    assert parsed.playlists["name"].to_list() == ["first", "mix", "mix"]
    assert parsed.tracks["pid"].to_list() == [70_000, 70_000, 5, 5, 6, 6]
    assert reasons(parsed) == [(70_000, "pid", "duplicate_pid")]
    assert parsed.quarantined["file"].to_list() == ["mpd.slice.1000-1999.json"]
    assert parsed.playlist_counts.reconciled
    assert parsed.track_counts.reconciled
    assert parsed.track_counts.rows == 6
    write(tmp_path, 1000, playlist(70_000))
    with pytest.raises(MalformedInputError, match=r"1000-1999\.json, line or pid 70000: duplicate_pid"):
        read(tmp_path, strict=True)


def test_groups_depend_on_the_budget_alone_and_never_on_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for start in range(0, 5000, 1000):
        write(tmp_path, start, playlist(start), playlist(start + 1, [track(1, track_uri="x")]))
    monkeypatch.setattr("buddies_assets.sources.mpd._POOL_FROM_BYTES", 0)
    refs = find_slices(tmp_path)
    alone = list(read_slices(refs, strict=False, workers=1, batch_bytes=600))
    together = list(read_slices(refs, strict=False, workers=2, batch_bytes=600))
    assert 1 < len(alone) < 5
    assert len(alone) == len(together)
    for one, two in zip(alone, together, strict=True):
        assert one.playlists.equals(two.playlists)
        assert one.tracks.equals(two.tracks)
        assert one.quarantined.equals(two.quarantined)
        assert one.track_counts == two.track_counts


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 9), max_size=8, unique=True), max_size=6))
def test_duplicates_are_those_a_set_would_find(slices: list[list[int]]):
    duplicates, seen = DuplicatePids(strict=False), set()
    for pids in slices:
        parsed = duplicates.refuse(parse(*[playlist(pid) for pid in pids]), "f")
        assert parsed.playlists["pid"].to_list() == [pid for pid in pids if pid not in seen]
        assert parsed.playlist_counts.reconciled
        seen |= set(pids)


def test_every_reason_given_is_documented():
    assert all(REASONS.values())
    assert np.unique(list(REASONS)).size == len(REASONS)
    assert isinstance(parse(playlist(...)).quarantined, pl.DataFrame)

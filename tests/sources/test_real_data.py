"""On real files the readers give what a short independent query over the raw text gives."""

import csv
import gzip
import json
import os
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.sources.entp import read_triplets
from buddies_assets.sources.mpd import find_slices, merge_slices, read_slices
from buddies_assets.sources.msd import read_songs
from buddies_core.interactions.song_index import song_index

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("BUDDIES_REAL_DATA")
    if not folder:
        pytest.skip("BUDDIES_REAL_DATA is unset: it names a folder with mpd/, mpd-full-fields/, entp/ and msd/")
    return Path(folder)


@pytest.mark.parametrize("name", ["mpd", "mpd-full-fields"])
def test_playlists_and_tracks_are_those_plain_json_gives(data: Path, name: str):
    parsed = merge_slices(list(read_slices(find_slices(data / name), strict=True)))
    raw = [p for f in (data / name).glob("*.json") for p in json.loads(f.read_bytes())["playlists"]]
    assert parsed.playlists.height == len({playlist["pid"] for playlist in raw}) == len(raw)
    assert parsed.tracks.height == sum(len(playlist["tracks"]) for playlist in raw)
    assert parsed.tracks["track_uri"].n_unique() == len({t["track_uri"] for p in raw for t in p["tracks"]})
    assert parsed.playlists["num_tracks"].sum() == sum(playlist["num_tracks"] for playlist in raw)
    assert parsed.quarantined.is_empty()


def test_of_a_slice_cut_at_a_mebibyte_every_whole_playlist_is_kept(data: Path):
    parsed = merge_slices(list(read_slices(find_slices(data / "malformed"), strict=False)))
    raw = (data / "malformed" / "mpd.slice.0-999.json").read_text(encoding="utf-8")
    whole = raw.count('"pid":') - 1
    assert parsed.playlists.height == whole > 30
    assert parsed.quarantined.select("file", "reason").rows() == [("mpd.slice.0-999.json", "truncated_file")]
    assert (parsed.playlist_counts.bad_files, parsed.playlist_counts.rows) == (1, whole + 1)


def test_plays_are_the_lines_of_the_file(data: Path, tmp_path: Path):
    path = data / "entp" / "train_triplets.txt"
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    packed = tmp_path / "train_triplets.txt.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    for source in (path, packed):
        plays = pl.concat([batch.plays for batch in read_triplets(source, strict=True, batch_bytes=1 << 18)])
        assert plays.rows() == [(user, song, int(count)) for user, song, count in lines]


def test_song_text_is_what_csv_gives_less_the_one_song_without_a_title(data: Path):
    folder = data / "msd"
    text = read_songs([folder / "song_data.csv"], folder / "sid_mismatches.txt", strict=False)
    with (folder / "song_data.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    titled = {row["song_id"] for row in rows if row["title"].strip() and row["artist_name"].strip()}
    assert set(text.songs["song_id"]) == titled
    assert text.quarantined.height == len(rows) - len(titled)
    wrong = {line[8:26] for line in (folder / "sid_mismatches.txt").read_text(encoding="utf-8").splitlines()}
    assert text.songs["mismatched"].sum() == len(wrong & titled)
    assert text.counts.reconciled


def test_shared_exact_keys_are_those_of_a_plain_join(data: Path):
    tracks = merge_slices(list(read_slices(find_slices(data / "mpd"), strict=True))).tracks
    text = read_songs([data / "msd" / "song_data.csv"], data / "msd" / "sid_mismatches.txt", strict=False).songs
    counts = song_index(tracks, text, text["song_id"].unique(), "exact").counts
    ours = {(t.strip().lower(), a.strip().lower()) for t, a in tracks.select("track_name", "artist_name").iter_rows()}
    told = text.filter(~pl.col("mismatched")).select("title", "artist")
    theirs = {(title.strip().lower(), artist.strip().lower()) for title, artist in told.iter_rows()}
    assert counts.shared_exact == len(ours & theirs)
    assert counts.shared_canonical > 1.4 * counts.shared_exact

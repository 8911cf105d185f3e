"""The synthetic world is reproducible, independent of blocks, calibrated, and read back without loss."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from buddies_assets.sources.entp import read_triplets
from buddies_assets.sources.mpd import find_slices, merge_slices, read_slices
from buddies_assets.sources.mpd_slice import parse_slice
from buddies_assets.sources.msd import read_songs
from buddies_assets.sources.synthetic.slices import SliceWriter
from buddies_assets.sources.synthetic.world import FULL_PLAYLISTS, FULL_USERS, SyntheticWorld
from buddies_assets.sources.synthetic.write import in_memory_slices, triplet_bytes, world_paths, write_world
from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.song_index import song_index

SMALL = SyntheticWorld(users=1_500, playlists=2_500, seed=7)
FULL = SyntheticWorld(users=FULL_USERS, playlists=FULL_PLAYLISTS, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_world(out, SMALL.users, SMALL.playlists, SMALL.seed)
    return out


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def matrix(drawn: Ragged, columns: int) -> sparse.csr_matrix:
    ones = np.ones(len(drawn.values), np.float32)
    return sparse.csr_matrix(
        (ones, drawn.values.astype(np.int32), drawn.offsets), shape=(len(drawn.offsets) - 1, columns)
    )


def test_readers_take_everything_back_with_nothing_in_quarantine(folder: Path):
    paths = world_paths(folder)
    mpd = merge_slices(list(read_slices(find_slices(paths.mpd), strict=True)))
    assert mpd.playlists["pid"].to_list() == list(range(SMALL.playlists))
    held = SMALL.playlist_tracks(0, SMALL.playlists)
    assert mpd.playlists["num_tracks"].to_list() == mpd.playlists["tracks"].to_list() == np.diff(held.offsets).tolist()
    assert mpd.tracks["track_uri"].n_unique() == len(np.unique(held.values))

    plays = pl.concat([batch.plays for batch in read_triplets(paths.triplets, strict=True)])
    drawn, counts = SMALL.user_songs(0, SMALL.users)
    assert plays.height == len(drawn.values)
    assert plays["plays"].to_list() == counts.tolist()
    assert plays["song_id"].n_unique() == len(np.unique(drawn.values))

    text = read_songs([paths.song_data], paths.mismatches, strict=True)
    assert plays.join(text.songs, on="song_id", how="anti").is_empty()
    assert text.counts.repeats > 0
    same = read_songs([paths.unique_tracks], paths.mismatches, strict=True).songs
    assert same.select("song_id", "title", "artist", "mismatched").equals(
        text.songs.select("song_id", "title", "artist", "mismatched")
    )


def test_a_playlist_has_every_original_field_and_figures_that_agree_with_its_tracks(folder: Path):
    slice_ = json.loads((world_paths(folder).mpd / "mpd.slice.0-999.json").read_text(encoding="utf-8"))
    assert slice_["info"]["slice"] == "0-999"
    assert len(slice_["playlists"]) == 1000
    for playlist in slice_["playlists"]:
        tracks = playlist["tracks"]
        assert set(playlist) - {"description"} == {
            "name", "collaborative", "pid", "modified_at", "num_tracks", "num_albums", "num_followers", "num_edits",
            "duration_ms", "num_artists", "tracks",
        }  # fmt: skip
        assert set(tracks[0]) == {
            "pos", "artist_name", "track_uri", "artist_uri", "track_name", "album_uri", "duration_ms", "album_name",
        }  # fmt: skip
        assert [track["pos"] for track in tracks] == list(range(playlist["num_tracks"]))
        assert playlist["num_artists"] == len({track["artist_uri"] for track in tracks})
        assert playlist["num_albums"] == len({track["album_uri"] for track in tracks})
        assert playlist["duration_ms"] == sum(track["duration_ms"] for track in tracks)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(folder: Path, tmp_path: Path):
    write_world(tmp_path / "again", SMALL.users, SMALL.playlists, SMALL.seed)
    assert digest(tmp_path / "again") == digest(folder)
    write_world(tmp_path / "other", 20, 30, SMALL.seed + 1)
    write_world(tmp_path / "third", 20, 30, SMALL.seed)
    assert not set(digest(tmp_path / "other").values()) & set(digest(tmp_path / "third").values())


def test_blocks_and_order_of_writing_do_not_matter(folder: Path):
    writer = SliceWriter(SMALL)
    backwards = [writer.slice_bytes(k) for k in (2, 1, 0)]
    assert backwards[::-1] == [data for _, data in in_memory_slices(SMALL)]
    assert backwards[2] == (world_paths(folder).mpd / "mpd.slice.0-999.json").read_bytes()
    whole = triplet_bytes(SMALL, 0, 300)
    assert whole == b"".join(triplet_bytes(SMALL, start, start + 60) for start in range(0, 300, 60))
    one = SMALL.playlist_library(100, 200)
    two = SMALL.playlist_library(0, 300)
    assert np.array_equal(one.values, two.values[two.offsets[100] : two.offsets[200]])


def test_libraries_without_files_are_those_the_files_give(folder: Path):
    paths = world_paths(folder)
    mpd = merge_slices(list(read_slices(find_slices(paths.mpd), strict=True)))
    plays = pl.concat([batch.plays for batch in read_triplets(paths.triplets, strict=True)])
    text = read_songs([paths.song_data], paths.mismatches, strict=True).songs
    heard = text.join(plays, on="song_id", how="semi")
    index = song_index(mpd.tracks, heard, plays["song_id"].unique(), "canonical")
    songs, counts = index.songs, index.counts
    assert 1.35 < counts.shared_canonical / counts.shared_exact < 1.65
    by_id = songs.explode("song_ids").select("song", pl.col("song_ids").alias("song_id"))
    from_files = plays.join(by_id, on="song_id").select("user_id", "song").unique().height
    played, held = SMALL.user_library(0, SMALL.users), SMALL.playlist_library(0, SMALL.playlists)
    on_both = np.isin(played.values, np.unique(held.values)).sum()
    # A song whose right text two wrong texts happen to bear, or two works of one name, may differ: few do.
    assert from_files == pytest.approx(on_both, rel=0.01)


def test_songs_per_user_and_tracks_per_playlist_follow_the_published_quantiles():
    drawn, plays = FULL.user_songs(0, 12_000)
    songs = np.diff(drawn.offsets)
    assert songs.min() >= 7
    assert songs.max() <= 4_399
    published = [10, 16, 27, 56, 285]
    assert np.quantile(songs, [0.01, 0.25, 0.5, 0.75, 0.99]) == pytest.approx(published, rel=0.08)
    assert songs.mean() == pytest.approx(47.57, rel=0.04)
    assert plays.min() == 1
    held = FULL.playlist_tracks(0, 8_000)
    tracks = np.diff(held.offsets)
    assert tracks.mean() == pytest.approx(66.35, rel=0.04)
    assert (tracks.min(), tracks.max()) == pytest.approx((5, 250), abs=2)


def test_popularity_mismatches_and_shared_songs_follow_the_published_figures():
    drawn, _ = FULL.user_songs(0, 12_000)
    assert 0.07 < np.bincount(drawn.values).max() / 12_000 < 0.13
    assert FULL.is_mismatched(drawn.values).mean() == pytest.approx(0.063, abs=0.01)
    held = FULL.playlist_tracks(0, 8_000)
    assert 0.03 < np.bincount(held.values).max() / 8_000 < 0.06
    assert FULL.songs == pytest.approx(384_546, rel=0.001)
    assert FULL.tracks == pytest.approx(2_262_292, rel=0.001)
    assert (FULL.shared_of_work >= 0).sum() == pytest.approx(120_000 * 1.51, rel=0.05)


def test_pairs_per_user_at_full_size_are_those_published():
    columns = int(FULL.shared_of_work.max()) + 1
    users, playlists = matrix(FULL.user_library(0, 1_500), columns), matrix(FULL.playlist_library(0, 8_000), columns)
    assert (playlists.getnnz(axis=1) > 0).mean() == pytest.approx(0.946, abs=0.03)
    share = (users @ playlists.T).getnnz() / 1_500 / 8_000
    assert share == pytest.approx(22_400 / 946_000, rel=0.25)


def test_a_playlist_shares_far_more_songs_with_users_of_its_niche_than_with_others():
    world = SyntheticWorld(users=2_000, playlists=2_000, seed=1)
    columns = int(world.shared_of_work.max()) + 1
    users = matrix(world.user_library(0, 2_000), columns)
    playlists = matrix(world.playlist_library(0, 2_000), columns)
    overlap = (users @ playlists.T).toarray()
    same = world.user_niches(np.arange(2_000))[:, None] == world.playlist_niches(np.arange(2_000))[None, :]
    assert overlap[same].mean() > 4 * overlap[~same].mean()


def test_defects_are_written_only_when_asked_for_and_each_is_found(tmp_path: Path):
    paths = write_world(tmp_path, 60, 60, 5, defects=0.02)
    parsed = merge_slices(list(read_slices(find_slices(paths.mpd), strict=False)))
    assert 0 < parsed.quarantined.height == parsed.track_counts.quarantined
    assert set(parsed.quarantined["reason"]) == {"missing_field"}
    batches = list(read_triplets(paths.triplets, strict=False))
    bad = pl.concat([batch.quarantined for batch in batches])
    assert bad.height == sum(batch.counts.quarantined for batch in batches) > 0
    assert set(bad["reason"]) == {"negative_count"}


def test_a_world_of_one_user_and_one_playlist_can_be_read(tmp_path: Path):
    paths = write_world(tmp_path, 1, 1, 0)
    assert parse_slice(next(paths.mpd.iterdir()).read_bytes(), "f", strict=True).playlists.height == 1
    assert next(read_triplets(paths.triplets, strict=True)).plays.height >= 7

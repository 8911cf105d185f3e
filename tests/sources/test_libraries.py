"""Libraries and track texts over stored shards, against plain Python over all the rows."""

import random
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.sources.steps.hidden import HiddenPlays
from buddies_assets.sources.steps.libraries import distinct_tracks, played_songs, playlist_library, user_library
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.interactions.numbers import REGISTER
from buddies_core.storage.datasets import Dataset, DatasetStore, Recipe

SONGS = pl.DataFrame(
    {
        "song": pl.Series([0, 1, 2], dtype=pl.UInt32),
        "key": ["a", "b", "c"],
        "song_ids": [["S0"], ["S1", "S1b"], ["S2"]],
        "track_uris": [["u0", "u0b"], ["u1"], ["u2"]],
    }
)


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore.at(str(tmp_path))


def stored(store: DatasetStore, name: str, *shards: pl.DataFrame) -> Dataset:
    writer = store.writer(Recipe(name), "run")
    return writer.commit([writer.write_shard(index, shard) for index, shard in enumerate(shards)])


def plays(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"user_id": pl.String, "song_id": pl.String}, orient="row")


def held(*rows: tuple[int, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"pid": pl.UInt32, "track_uri": pl.String}, orient="row")


def contents(library: LabelledLibrary, owner: str) -> dict:
    owners = library.rows[owner].to_list()
    return {name: library.library.row(row).tolist() for row, name in enumerate(owners)}


def test_a_user_who_returns_in_another_shard_has_one_row_and_one_without_shared_songs_an_empty_one(store: DatasetStore):
    first = plays(("v", "S1"), ("v", "S1b"), ("u", "none"), ("v", "S0"))
    second = plays(("t", "S2"), ("v", "S2"))
    library, register = user_library(stored(store, "entp_plays", first, plays(), second), SONGS, REGISTER.to_frame())
    assert contents(library, "user_id") == {"t": [2], "u": [], "v": [0, 1, 2]}
    assert library.rows.schema == {"user": pl.UInt32, "user_id": pl.String, "songs": pl.UInt32, "number": pl.UInt32}
    assert register.rows() == [(0, "t"), (1, "u"), (2, "v")]
    assert library.rows["songs"].to_list() == [1, 0, 3]
    assert library.columns.to_list() == ["a", "b", "c"]


def test_a_playlist_without_a_shared_song_has_no_row_and_the_others_stand_by_pid(store: DatasetStore):
    first = held((900, "u1"), (900, "u1"), (7, "none"), (3, "u0"), (3, "u0b"))
    library = playlist_library(stored(store, "mpd_tracks", first, held((8, "none"), (5, "u2"), (5, "u0"))), SONGS)
    assert contents(library, "pid") == {3: [0], 5: [0, 2], 900: [1]}
    assert library.rows.schema == {"playlist": pl.UInt32, "pid": pl.UInt32, "songs": pl.UInt32}
    assert library.rows["playlist"].to_list() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_libraries_hold_what_sets_of_all_rows_hold(store: DatasetStore, seed: int):
    draw = random.Random(seed)
    song_of = {uri: song for song, uris in enumerate(SONGS["track_uris"]) for uri in uris}
    rows = [(draw.choice([1, 2, 3, 4_000_000_000]), draw.choice([*song_of, "none", "other"])) for _ in range(12)]
    cut = draw.randrange(13)
    library = playlist_library(stored(store, "mpd_tracks", held(*rows[:cut]), held(*rows[cut:])), SONGS)
    expected = {pid: sorted({song_of[uri] for p, uri in rows if p == pid and uri in song_of}) for pid, _ in rows}
    assert contents(library, "pid") == {pid: songs for pid, songs in sorted(expected.items()) if songs}


def test_a_text_of_a_track_is_told_once_however_many_shards_hold_it(store: DatasetStore):
    columns = ["track_uri", "track_name", "artist_name"]
    rows = [("u1", "Halo", "B"), ("u1", "Halo", "B"), ("u1", "halo", "B"), ("u2", "Halo", "B"), ("u1", "Halo", "B")]
    shards = [pl.DataFrame(part, schema=columns, orient="row") for part in (rows[:2], rows[2:])]
    found = distinct_tracks(stored(store, "mpd_tracks", *shards))
    assert found.columns == columns
    assert sorted(found.rows()) == sorted(set(rows))


def test_hidden_plays_are_in_no_library_and_their_songs_are_not_played(store: DatasetStore):
    everything = plays(*((f"user {u}", song) for u in range(40) for song in ("S0", "S1", "S1b", "S2")))
    dataset, rule = stored(store, "entp_plays", everything), HiddenPlays(5, 0.5)
    library, _ = user_library(dataset, SONGS, REGISTER.to_frame(), rule)
    visible, _ = user_library(stored(store, "visible", rule.visible(everything)), SONGS, REGISTER.to_frame())
    kept = {name: songs for name, songs in contents(library, "user_id").items() if songs}
    assert kept == {name: songs for name, songs in contents(visible, "user_id").items() if songs}
    assert library.library.n_rows == 40  # a user whose every play is hidden stays a user
    assert played_songs(stored(store, "one", plays(("a", "S0"))), HiddenPlays(5, 0.9999999)).to_list() == []

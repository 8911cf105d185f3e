"""Libraries and track texts over stored shards, against plain Python over all the rows."""

import random
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.sources.steps.hidden import HiddenPlays
from buddies_assets.sources.steps.libraries import (
    Lengths,
    SongIndexError,
    distinct_tracks,
    played_songs,
    playlist_library,
    user_library,
)
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.interactions.numbers import REGISTER
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey

NUMBERS = {
    "played": {"S0": 0, "S1": 1, "S1b": 1, "S2": 2, "none": 3, "other": 4},
    "tracks": {"u0": 0, "u0b": 0, "u1": 1, "u2": 2, "none": 3, "other": 4},
}
"""Three songs are shared; each source has two more of its own."""


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore.at(str(tmp_path))


def stored(store: DatasetStore, name: str, *shards: pl.DataFrame) -> Dataset:
    writer = store.writer(CacheKey(name), "run")
    return writer.commit([writer.write_shard(index, shard) for index, shard in enumerate(shards)])


@pytest.fixture
def songs(store: DatasetStore) -> Dataset:
    """The song index that `NUMBERS` describes."""
    writer = store.writer(CacheKey("songs"), "run")
    for part, name in (("played", "song_id"), ("tracks", "track_uri")):
        ids = NUMBERS[part]
        frame = pl.DataFrame({name: list(ids), "song": list(ids.values())}, schema_overrides={"song": pl.UInt32})
        writer.write_part(part, frame)
    return writer.commit([writer.write_shard(0, pl.DataFrame({"key": ["a", "b", "c"]}))])


def plays(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"user_id": pl.String, "song_id": pl.String}, orient="row")


def held(*rows: tuple[int, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"pid": pl.UInt32, "track_uri": pl.String}, orient="row")


def contents(library: LabelledLibrary, owner: str) -> dict:
    owners = library.rows[owner].to_list()
    return {name: library.library.row(row).tolist() for row, name in enumerate(owners)}


def test_a_user_who_returns_in_another_shard_has_one_row_and_one_without_shared_songs_an_empty_one(
    store: DatasetStore, songs: Dataset
):
    first = plays(("v", "S1"), ("v", "S1b"), ("u", "none"), ("v", "S0"))
    second = plays(("t", "S2"), ("v", "S2"))
    dataset = stored(store, "entp_plays", first, plays(), second)
    library, register = user_library(dataset, songs, REGISTER.to_frame(), lengths="all")
    assert contents(library, "user_id") == {"t": [2], "u": [], "v": [0, 1, 2]}
    assert library.rows.columns == ["user", "user_id", "songs", "length", "number"]
    assert register.rows() == [(0, "t"), (1, "u"), (2, "v")]
    assert library.rows["songs"].to_list() == [1, 0, 3]
    assert library.rows["length"].to_list() == [1, 1, 3]
    assert library.columns.to_list() == ["a", "b", "c"]


def test_a_playlist_without_a_shared_song_has_no_row_and_the_others_stand_by_pid(store: DatasetStore, songs: Dataset):
    first = held((900, "u1"), (900, "u1"), (7, "none"), (3, "u0"), (3, "u0b"))
    dataset = stored(store, "mpd_tracks", first, held((8, "none"), (5, "u2"), (5, "u0")))
    library = playlist_library(dataset, songs, lengths="all")
    assert contents(library, "pid") == {3: [0], 5: [0, 2], 900: [1]}
    assert library.rows.schema == {"playlist": pl.UInt32, "pid": pl.UInt32, "songs": pl.UInt32, "length": pl.UInt32}
    assert library.rows["playlist"].to_list() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lengths", ["all", "shared"])
def test_libraries_hold_what_sets_of_all_rows_hold(store: DatasetStore, songs: Dataset, lengths: Lengths, seed: int):
    draw = random.Random(seed)
    song_of = NUMBERS["tracks"]
    rows = [(draw.choice([1, 2, 3, 4_000_000_000]), draw.choice([*song_of])) for _ in range(12)]
    cut = draw.randrange(13)
    dataset = stored(store, "mpd_tracks", held(*rows[:cut]), held(*rows[cut:]))
    library = playlist_library(dataset, songs, lengths=lengths)
    every = {pid: {song_of[uri] for p, uri in rows if p == pid} for pid, _ in sorted(rows)}
    shared = {pid: sorted(song for song in found if song < 3) for pid, found in every.items()}
    assert contents(library, "pid") == {pid: found for pid, found in shared.items() if found}
    counted = every if lengths == "all" else shared
    expected = {pid: len(counted[pid]) for pid, found in shared.items() if found}
    assert dict(library.rows.select("pid", "length").iter_rows()) == expected


def test_a_song_that_the_index_lacks_is_named(store: DatasetStore, songs: Dataset):
    dataset = stored(store, "mpd_tracks", held((1, "u0"), (1, "u9")))
    with pytest.raises(SongIndexError, match="mpd_tracks: track_uri u9 is not in the song index: materialise"):
        playlist_library(dataset, songs, lengths="all")


def test_a_text_of_a_track_is_told_once_however_many_shards_hold_it(store: DatasetStore):
    columns = ["track_uri", "track_name", "artist_name"]
    rows = [("u1", "Halo", "B"), ("u1", "Halo", "B"), ("u1", "halo", "B"), ("u2", "Halo", "B"), ("u1", "Halo", "B")]
    shards = [pl.DataFrame(part, schema=columns, orient="row") for part in (rows[:2], rows[2:])]
    found = distinct_tracks(stored(store, "mpd_tracks", *shards))
    assert found.columns == columns
    assert sorted(found.rows()) == sorted(set(rows))


def test_hidden_plays_are_in_no_library_and_their_songs_are_not_played(store: DatasetStore, songs: Dataset):
    everything = plays(*((f"user {u}", song) for u in range(40) for song in ("S0", "S1", "S1b", "S2")))
    dataset, rule = stored(store, "entp_plays", everything), HiddenPlays(5, 0.5)
    library, _ = user_library(dataset, songs, REGISTER.to_frame(), lengths="all", hidden=rule)
    shown = stored(store, "visible", rule.visible(everything))
    visible, _ = user_library(shown, songs, REGISTER.to_frame(), lengths="all")
    kept = {name: held for name, held in contents(library, "user_id").items() if held}
    assert kept == {name: held for name, held in contents(visible, "user_id").items() if held}
    assert library.library.n_rows == 40  # a user whose every play is hidden stays a user
    assert played_songs(stored(store, "one", plays(("a", "S0"))), HiddenPlays(5, 0.9999999)).to_list() == []


def test_a_share_of_the_users_is_taken_by_their_id_whoever_else_there_is(store: DatasetStore, songs: Dataset):
    def library(entp: Dataset, share: float, seed: int = 3) -> LabelledLibrary:
        return user_library(entp, songs, REGISTER.to_frame(), lengths="all", share=share, seed=seed)[0]

    everyone = [f"{number:040x}" for number in range(2_000)]
    played = [f"S{number % 3}" for number in range(2_000)]
    entp = stored(store, "entp_plays", plays(*zip(everyone, played, strict=True)))
    whole, tenth = library(entp, 1.0), library(entp, 0.1)
    kept = tenth.rows["user_id"].to_list()
    assert 150 < len(kept) < 250
    assert kept == sorted(kept)
    assert contents(tenth, "user_id").items() <= contents(whole, "user_id").items()
    assert set(kept) < set(library(entp, 0.5).rows["user_id"])
    others = [user for user in everyone if int(user, 16) % 2 or user in kept]
    again = stored(store, "others", plays(*((user, "S1") for user in others)))
    assert set(library(again, 0.1).rows["user_id"]) == set(kept)
    assert set(library(entp, 0.1, seed=4).rows["user_id"]) != set(kept)

"""A listener of the songs system is forgotten: what is served, what is stored, and what is read again."""

from pathlib import Path

import polars as pl
from songs_world import publish

from buddies_assets.forgetting.files import forget_in_experiments
from buddies_assets.forgetting.person import Person
from buddies_assets.forgetting.stored import forget_in_datasets
from buddies_assets.systems.songs import reading
from buddies_core.artifact.listeners import listener_id
from buddies_core.artifact.named_arrays import read_artifact
from buddies_core.artifact.served_songs import ServedSongs
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.forgotten import ForgottenIds
from buddies_core.storage.manifest import CacheKey

FIRST, LAST = "0" * 40, "4" * 40


def served(home: Path) -> ServedSongs:
    return ServedSongs(read_artifact(home / "songs" / "plays"))


def test_what_is_served_goes_on_without_their_list_and_what_they_know(tmp_path: Path) -> None:
    publish(tmp_path)
    before = served(tmp_path)
    assert forget_in_experiments(tmp_path / "songs", Person(FIRST, None)) == ["plays"]
    after = served(tmp_path)
    assert after.find_user(FIRST) is None
    assert (after.find_user(LAST), before.find_user(LAST)) == (0, 1)
    assert after.known(0).tolist() == before.known(1).tolist() == [15]
    assert after.listed(0) == before.listed(1)
    assert after.version != before.version
    assert [path.name for path in (tmp_path / "songs" / "plays" / "versions").iterdir()] == [after.version]
    assert not any(FIRST.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_one_whom_a_file_calls_by_a_name_is_found_under_it(tmp_path: Path) -> None:
    person = Person(listener_id("client:user_7"), None)
    store = DatasetStore.at(str(tmp_path))
    for name, users in (("song_plays", ["user_7", "user_8"]), ("play_splits", ["user_8"])):
        writer = store.writer(CacheKey(name, "code", {}, {}), "run")
        writer.commit([writer.write_shard(0, pl.DataFrame({"user": users}))])
    (gone,) = forget_in_datasets(store, person)
    assert gone.startswith("song_plays")
    assert store.has("play_splits")


def test_their_plays_are_left_out_when_the_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "plays.csv"
    file.write_text("user,time,song\n" + "".join(f"user_{n},2024-01-0{n},S{n}\n" for n in (7, 8)), encoding="utf-8")
    settings = Settings(home=str(tmp_path / "home"), song_plays_file=str(file))
    assert reading.read_plays(settings).plays["user"].to_list() == ["user_7", "user_8"]
    ForgottenIds.at(settings.home).adding(listener_id("client:user_7"))
    assert reading.read_plays(settings).plays["user"].to_list() == ["user_8"]

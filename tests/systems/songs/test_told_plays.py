"""What listeners told the service since the file of plays, as the next training reads it."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from buddies_assets.cli.planning import selected_job
from buddies_assets.definitions import build_definitions
from buddies_assets.feedback.listener_plays import PLAYS
from buddies_assets.systems.found import chosen_systems
from buddies_assets.systems.songs import reading
from buddies_assets.systems.songs.catalogue import TEXT
from buddies_assets.systems.songs.sensors import decide_songs
from buddies_assets.systems.songs.told_plays import told_plays, with_told
from buddies_core.artifact.listeners import listener_id
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey

HEX = "a" * 40
NOON = datetime(1970, 1, 3, 12, tzinfo=UTC)
"""2.5 days after the first of January 1970."""
FILE = pl.DataFrame({"user": [HEX, "user_7"], "item": ["SOA", "SOB"], "weight": [3.0, 1.0]})
NO_TEXT = pl.DataFrame(schema=TEXT)


def since(*rows):
    return pl.DataFrame(rows, schema=PLAYS, orient="row")


def test_a_listener_of_the_file_keeps_the_name_that_it_has_there_and_a_new_one_goes_by_the_id():
    new = listener_id("client:ada")
    told = told_plays(
        since(
            (HEX, "SOB", None, 2, 0.5, NOON),
            (listener_id("client:user_7"), "SOA", None, 1, 1.0, NOON),
            (new, "SOA", None, 1, 0.8, NOON),
        ),
        FILE, NO_TEXT, "canonical",
    )  # fmt: skip
    assert told.plays.rows() == [(HEX, "SOB", 1.0), ("user_7", "SOA", 1.0), (new, "SOA", 0.8)]
    assert told.left_out == 0
    assert with_told(FILE, told.plays).height == 5


def test_a_song_named_by_its_text_is_the_id_that_is_played_and_never_a_mismatched_one():
    texts = pl.DataFrame(
        [
            ("SO0", "Hey (live)", "Bo", "", 0, False),  # the same song, which nobody played
            ("SOB", "Hey", "Bo", "", 0, False),
            ("SOA", "Other", "Bo", "", 0, True),
        ],
        schema=TEXT, orient="row",
    )  # fmt: skip
    rows = since((HEX, None, "hey\tbo", 1, 1.0, NOON), (HEX, None, "other\tbo", 1, 1.0, NOON))
    told = told_plays(rows, FILE, texts, "canonical")
    assert told.plays.rows() == [(HEX, "SOB", 1.0)]
    assert told.left_out == 1


def test_where_plays_have_dates_a_told_play_has_the_day_of_its_last_event():
    dated = FILE.with_columns(time=pl.Series([1.0, 2.0]))
    told = told_plays(since((HEX, "SOA", None, 1, 1.0, NOON)), dated, NO_TEXT, "canonical")
    assert told.plays.rows() == [(HEX, "SOA", 1.0, 2.5)]
    assert with_told(dated, told.plays)["time"].to_list() == [1.0, 2.0, 2.5]


def test_where_nothing_was_told_the_plays_are_those_of_the_file():
    told = told_plays(PLAYS.to_frame(), FILE, NO_TEXT, "canonical")
    assert with_told(FILE, told.plays).equals(FILE)


def test_songs_are_made_anew_once_enough_was_told_and_not_while_they_are_being_made():
    assert decide_songs(99, 100, 500, running=False) == (None, "99 of 100 events since song_plays")
    assert decide_songs(100, 100, 500, running=False)[0] == "songs-events-500"
    assert decide_songs(100, 100, 500, running=True)[0] is None


def test_what_the_service_was_told_is_in_the_plays_that_songs_are_learnt_from(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_LISTENERS", 12)
    monkeypatch.setattr(reading, "_SONGS", 30)
    settings = Settings(home=str(tmp_path), song_plays_file="synthetic", threads=1)
    store, defs = DatasetStore.at(settings.home), build_definitions(settings)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

    def made():
        job = selected_job(defs, chosen_systems("songs"), "song_plays")
        done = job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), run_config=quiet)
        assert all(check.passed for check in done.get_asset_check_evaluations())
        return store.open("song_plays")

    def told(rows):
        writer = store.writer(CacheKey("listener_plays", "code", {}, {"rows": rows.height}), "run")
        events = {"events": {"days": {"2026-11-28": rows.height}}}
        writer.commit([writer.write_shard(0, rows)], extra=events)

    told(PLAYS.to_frame())
    before = made().frame()
    song, user = before["song"][0], "b" * 40
    told(since((user, song, None, 3, 1.0, datetime(2026, 11, 28, tzinfo=UTC))))
    after = made()
    new = after.frame().join(before, on=["user", "song"], how="anti")
    assert new.select("user", "song", "weight").rows() == [(user, song, 3.0)]
    assert after.part("told").height == 1
    assert after.manifest.extra["events"] == {"days": {"2026-11-28": 1}}

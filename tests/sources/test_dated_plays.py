"""Plays with their times: every form gives the same plays, and what cannot be read is set aside by name."""

import os
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.sources.dated_plays import read_dated
from buddies_assets.sources.interactions_file import Columns
from buddies_assets.sources.synthetic.dated_plays import write_dated_plays
from buddies_core.errors import MalformedInputError

DAY = 14_000.5
LASTFM = "user_1\t2008-05-01T12:00:00Z\ta1\tAna\tt1\tAerial\nuser_1\t2008-05-01T12:00:00Z\t\tThe Ana\t\tBlue (Live)\n"


def test_lastfm_lines_give_plays_times_and_texts(tmp_path):
    (tmp_path / "plays.tsv").write_text(LASTFM)
    found = read_dated(tmp_path / "plays.tsv")
    assert found.plays.rows() == [("user_1", "t1", 1.0, DAY), ("user_1", "blue\tana", 1.0, DAY)]
    assert found.texts.rows() == [("t1", "Aerial", "Ana"), ("blue\tana", "Blue (Live)", "The Ana")]
    assert found.quarantine.height == 0


@pytest.mark.parametrize("time", ["2008-05-01T12:00:00+00:00", "2008-05-01 12:00:00", "1209643200", "1209643200000"])
def test_times_are_iso_seconds_or_milliseconds(tmp_path, time):
    (tmp_path / "plays.csv").write_text(f"user,time,song,title,artist\nann,{time},s1,Aerial,Ana\n")
    found = read_dated(tmp_path / "plays.csv")
    assert found.plays.rows() == [("ann", "s1", 1.0, DAY)]
    assert found.texts.rows() == [("s1", "Aerial", "Ana")]


def test_parquet_is_read_too_and_columns_may_be_named(tmp_path):
    frame = pl.DataFrame({"who": ["ann"], "at": ["1209643200"], "song": ["s1"], "title": ["Aerial"], "artist": ["Ana"]})
    frame.write_parquet(tmp_path / "plays.parquet")
    found = read_dated(tmp_path / "plays.parquet", Columns(user="who", item="song", time="at"))
    assert found.plays.rows() == [("ann", "s1", 1.0, DAY)]
    assert found.texts.rows() == [("s1", "Aerial", "Ana")]


def test_rows_that_cannot_be_used_are_set_aside_with_the_reason(tmp_path):
    bad = "user_1\tyesterday\ta1\tAna\tt1\tAerial\nuser_1\t2008-05-01T12:00:00Z\ta1\tAna\t\t\nonly\tthree\tcells\n"
    (tmp_path / "plays.tsv").write_text(LASTFM + bad)
    found = read_dated(tmp_path / "plays.tsv")
    assert found.plays.height == 2
    assert found.quarantine.select("position", "reason").rows() == [
        (3, "wrong_type"), (4, "missing_field"), (5, "wrong_field_count"),
    ]  # fmt: skip
    (tmp_path / "plays.csv").write_text("user,time,song\nann,never,s1\nbob,1209643200,s2\n")
    other = read_dated(tmp_path / "plays.csv")
    assert other.plays["user"].to_list() == ["bob"]
    assert other.quarantine.select("field", "reason").rows() == [("time", "wrong_type")]
    assert "never" in other.quarantine["excerpt"][0]
    with pytest.raises(MalformedInputError, match="time"):
        read_dated(tmp_path / "plays.csv", strict=True)


def test_the_synthetic_world_has_sessions_repeats_new_songs_and_new_listeners(tmp_path):
    plays = read_dated(write_dated_plays(tmp_path / "a.tsv", 60, 200, 0)).plays
    again = write_dated_plays(tmp_path / "b.tsv", 60, 200, 0)
    assert again.read_bytes() == (tmp_path / "a.tsv").read_bytes()
    assert plays.select("user", "item").is_duplicated().mean() > 0.2
    assert plays["time"].is_sorted()
    first = plays.group_by("item").agg(pl.col("time").min()).with_columns(pl.col("time") - plays["time"].min())
    assert (first["time"] > 60).sum() > 10
    came = plays.group_by("user").agg(pl.col("time").min())["time"] - plays["time"].min()
    assert 2 <= (came > 150).sum() <= 20
    gaps = plays.sort("user", "time").select(pl.col("time").diff().over("user"))["time"].drop_nulls()
    assert (gaps < 1 / 24).mean() > 0.5


def test_a_listener_of_the_synthetic_world_does_not_depend_on_how_many_there_are(tmp_path):
    few, many = (read_dated(write_dated_plays(tmp_path / f"{n}.tsv", n, 100, 0)).plays for n in (3, 6))
    assert few.equals(many.filter(pl.col("user").is_in(few["user"].unique().implode())))


@pytest.mark.real_data
def test_the_real_sample_is_read_whole():
    folder = os.environ.get("BUDDIES_REAL_DATA")
    if folder is None:
        pytest.skip("BUDDIES_REAL_DATA is unset: it names a folder with lastfm-1k/")
    found = read_dated(Path(folder) / "lastfm-1k" / "userid-timestamp-artid-artname-traid-traname.tsv")
    assert found.plays.height + found.quarantine.height == 5_000
    assert found.plays["user"].n_unique() == 2

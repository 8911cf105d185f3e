"""Canonical songs: ids of one text are one song, a mismatched id keeps its plays and loses its text."""

import numpy as np
import polars as pl

from buddies_assets.systems.songs.catalogue import TEXT, canonical, playlist_songs, same_text, with_texts
from buddies_assets.systems.songs.recommender import material, popular_songs
from buddies_core.songs.features import song_dates

PLAYS = pl.DataFrame(
    {
        "user": ["ann", "ann", "bob", "cid", "cid", "dan"],
        "item": ["S1", "S2", "S2", "S3", "S4", "S5"],
        "weight": [1.0, 2.0, 5.0, 1.0, 1.0, 1.0],
    }
)
TEXTS = pl.DataFrame(
    [
        ("S1", "Aerial", "Ana", "Air", 2001, False),
        ("S2", "Aerial (Live)", "Ana", "Air", 2002, False),
        ("S3", "Aerial", "Ana", "Air", 2001, True),
        ("S4", "Blue", "Ana", None, None, False),
    ],
    schema=TEXT,
    orient="row",
)
TRACKS = pl.DataFrame(
    {
        "pid": [7, 7, 8, 9],
        "track_uri": ["u1", "u2", "u1", "u3"],
        "title": ["Aerial - Remastered", "Blue", "Aerial - Remastered", "Nothing"],
        "artist": ["ANA", "Ana", "ANA", "Nobody"],
    }
)


def test_ids_of_one_text_are_one_song_called_by_the_id_of_most_listeners():
    found = canonical(PLAYS, TEXTS, TRACKS)
    songs = {row["song"]: row for row in found.catalogue.iter_rows(named=True)}
    assert set(songs) == {"S2", "S3", "S4", "S5"}
    assert songs["S2"]["song_ids"] == ["S1", "S2"]
    assert (songs["S2"]["listeners"], songs["S2"]["plays"], songs["S2"]["playlists"]) == (2, 8.0, 2)
    assert songs["S2"]["track_uris"] == ["u1"]
    assert found.plays.filter(pl.col("user") == "ann").rows() == [("ann", "S2", 3.0)]


def test_a_mismatched_id_keeps_its_plays_and_loses_its_text():
    row = canonical(PLAYS, TEXTS, TRACKS).catalogue.row(by_predicate=pl.col("song") == "S3", named=True)
    assert (row["title"], row["artist"], row["release"], row["year"]) == (None, None, None, None)
    assert (row["listeners"], row["playlists"], row["mismatched"]) == (1, 0, True)


def test_no_play_is_lost_and_a_song_without_text_is_there():
    found = canonical(PLAYS, TEXTS)
    assert found.plays["weight"].sum() == PLAYS["weight"].sum()
    assert found.catalogue.row(by_predicate=pl.col("song") == "S5", named=True)["title"] is None


def test_who_has_a_song_is_not_offered_an_id_of_the_same_text_on_file():
    groups = same_text(canonical(PLAYS, TEXTS).catalogue, ["S2", "S3", "S4", "S5"])
    assert groups[0] == groups[1] >= 0
    assert groups[3] == -1
    assert groups[2] not in (groups[0], -1)


def test_playlists_hold_songs_by_their_text_and_never_mismatched_ones():
    catalogue = canonical(PLAYS, TEXTS, TRACKS).catalogue
    assert playlist_songs(catalogue, TRACKS).rows() == [(7, "S2"), (7, "S4"), (8, "S2")]


def test_strangers_get_each_text_once_by_listeners():
    found = material(canonical(PLAYS, TEXTS))
    assert popular_songs(found, 10) == ["S2", "S4", "S5"]
    assert popular_songs(found, 1) == ["S2"]


def test_what_a_file_tells_of_songs_fills_what_the_catalogue_lacks():
    told = pl.DataFrame({"song_id": ["S1", "S5"], "title": ["Other", "Cloud"], "artist": ["X", "Ana"]})
    found = with_texts(TEXTS, told)
    assert found.filter(pl.col("song_id") == "S1")["title"].to_list() == ["Aerial"]
    assert canonical(PLAYS, found).catalogue.row(by_predicate=pl.col("song") == "S5", named=True)["title"] == "Cloud"


def test_dated_plays_have_ages_from_the_last_play_of_all():
    dated = PLAYS.with_columns(time=pl.Series([10.0, 12.0, 12.0, 72.0, 40.0, 12.0]))
    found = material(canonical(dated, TEXTS))
    songs = found.plays.items
    row = found.histories.of(np.array([found.plays.user_place["ann"]]))
    assert (row.age.tolist(), row.met.tolist()) == ([60.0], [62.0])
    trend, age = song_dates(found.histories)
    assert age[songs.index("S2")] == 62.0
    assert trend[songs.index("S3")] > 0 > trend[songs.index("S5")]

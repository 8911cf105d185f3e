"""The index of shared songs holds each song once, with all its ids, and never by text known to be wrong."""

import polars as pl

from buddies_core.interactions.song_index import SONGS, shared_songs

TRACKS = pl.DataFrame(
    [
        ("u3", "Halo - Live", "Beyoncé"),
        ("u1", "Halo", "Beyoncé"),
        ("u1", "Halo", "Beyoncé"),
        ("u2", "Smile", "Lily Allen"),
        ("u4", "Alone", "Nobody"),
        ("u5", "Wrong", "Text"),
    ],
    schema=["track_uri", "track_name", "artist_name"],
    orient="row",
)
SONG_TEXT = pl.DataFrame(
    [
        ("S3", "halo", "beyonce", False),
        ("S2", "Smile", "Lily Allen", False),
        ("S1", "Smile", "lily allen", False),
        ("S4", "Wrong", "Text", True),
        ("S5", "Elsewhere", "Other", False),
    ],
    schema=["song_id", "title", "artist", "mismatched"],
    orient="row",
)


def test_several_ids_on_both_sides_make_one_row_sorted_by_key():
    songs, counts = shared_songs(TRACKS, SONG_TEXT, "canonical")
    assert songs.schema == SONGS
    assert songs.rows() == [
        (0, "halo\tbeyonce", "Halo", "Beyoncé", ["S3"], ["u1", "u3"]),
        (1, "smile\tlily allen", "Smile", "Lily Allen", ["S1", "S2"], ["u2"]),
    ]
    assert counts.as_metadata() == {
        "mpd_tracks": 5,
        "entp_songs": 5,
        "mismatched_songs": 1,
        "mpd_exact": 5,
        "entp_exact": 3,
        "shared_exact": 1,
        "mpd_canonical": 4,
        "entp_canonical": 3,
        "shared_canonical": 2,
    }


def test_the_exact_key_finds_only_what_is_spelt_alike():
    songs, _ = shared_songs(TRACKS, SONG_TEXT, "exact")
    assert songs["key"].to_list() == ["smile\tlily allen"]


def test_of_several_texts_of_a_track_the_lexically_first_stands():
    told = [("u1", "halo", "Zoe"), ("u1", "Halo", "beyonce"), ("u1", "Halo", "Beyoncé")]
    tracks = pl.DataFrame(told, schema=["track_uri", "track_name", "artist_name"], orient="row")
    songs, counts = shared_songs(tracks, SONG_TEXT, "canonical")
    assert songs.select("title", "artist", "track_uris").rows() == [("Halo", "Beyoncé", ["u1"])]
    assert (counts.mpd_tracks, counts.mpd_exact) == (1, 1)


def test_the_order_of_the_input_does_not_matter():
    once, _ = shared_songs(TRACKS, SONG_TEXT, "canonical")
    again, _ = shared_songs(TRACKS.reverse(), SONG_TEXT.reverse(), "canonical")
    assert once.equals(again)

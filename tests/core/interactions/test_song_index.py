"""The index of shared songs holds each song once, with all its ids, and never by text known to be wrong."""

import polars as pl

from buddies_core.interactions.song_index import SONGS, SongIndex, song_index
from buddies_core.interactions.text_keys import Match

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


PLAYED = pl.Series(["S1", "S2", "S3", "S4", "S5", "S6"])


def index_of(
    tracks: pl.DataFrame, text: pl.DataFrame = SONG_TEXT, played: pl.Series = PLAYED, match: Match = "canonical"
) -> SongIndex:
    return song_index(tracks, text, played, match)


def test_several_ids_on_both_sides_make_one_row_sorted_by_key():
    index = index_of(TRACKS)
    songs, counts = index.songs, index.counts
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
    songs = index_of(TRACKS, match="exact").songs
    assert songs["key"].to_list() == ["smile\tlily allen"]


def test_of_several_texts_of_a_track_the_lexically_first_stands():
    told = [("u1", "halo", "Zoe"), ("u1", "Halo", "beyonce"), ("u1", "Halo", "Beyoncé")]
    tracks = pl.DataFrame(told, schema=["track_uri", "track_name", "artist_name"], orient="row")
    index = index_of(tracks)
    songs, counts = index.songs, index.counts
    assert songs.select("title", "artist", "track_uris").rows() == [("Halo", "Beyoncé", ["u1"])]
    assert (counts.mpd_tracks, counts.mpd_exact) == (1, 1)


def test_the_order_of_the_input_does_not_matter():
    once, again = index_of(TRACKS), index_of(TRACKS.reverse(), SONG_TEXT.reverse(), PLAYED.reverse())
    for part in ("songs", "tracks", "played"):
        assert getattr(once, part).equals(getattr(again, part))


def test_songs_of_one_source_alone_are_numbered_after_the_shared_ones():
    found = index_of(TRACKS)
    assert found.songs["key"].to_list() == ["halo\tbeyonce", "smile\tlily allen"]
    # u4 and u5 are no song that is played: the text "Wrong" of S4 is known to be wrong.
    assert found.tracks.rows() == [("u1", 0), ("u2", 1), ("u3", 0), ("u4", 2), ("u5", 3)]
    # S4 and S6 are each a song of its own, since nothing, or nothing true, is known of them; S5 is nowhere else.
    numbers = dict(found.played.rows())
    assert {name: numbers[name] for name in ("S1", "S2", "S3")} == {"S1": 1, "S2": 1, "S3": 0}
    assert sorted(numbers[name] for name in ("S4", "S5", "S6")) == [2, 3, 4]


def test_two_texts_of_one_song_in_one_source_are_one_song_there():
    told = pl.concat([SONG_TEXT, SONG_TEXT.filter(pl.col("song_id") == "S5").with_columns(song_id=pl.lit("S7"))])
    numbers = dict(index_of(TRACKS, told, pl.Series([*PLAYED, "S7"])).played.rows())
    assert numbers["S5"] == numbers["S7"]

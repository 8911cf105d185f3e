"""What listeners keep reaches next track and continuation: as playlists in order, and as a reason to learn again."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from oracles.playlists import rows_of

from buddies_assets.feedback.event_days import KEPT as EVENTS
from buddies_assets.feedback.kept_playlists import FIRST_PID, kept_playlists
from buddies_assets.release.new_playlists import Since, decide_playlists
from buddies_assets.sources.steps.sequences import in_order

START = datetime(2026, 1, 31, 23, 50, tzinfo=UTC)
ANN, BOB = "a" * 40, "b" * 40


def deeds(*told: tuple[str, float, str, float], day: datetime = START) -> pl.DataFrame:
    """Events of (listener, minutes after the start, song, grade)."""
    rows = [
        {
            "event_id": f"{who}{minutes}{song}",
            "created_at": day + timedelta(minutes=minutes),
            "received_at": day,
            "user_key": who,
            "kind": "save" if grade else "skip",
            "song_id": None,
            "song_key": song,
            "pid": None,
            "seconds": None,
            "share": None,
            "grade": grade,
        }
        for who, minutes, song, grade in told
    ]
    return pl.DataFrame(rows, schema=EVENTS)


def keys(kept: pl.DataFrame) -> list[list[str]]:
    return sorted(kept.sort("place").group_by("pid", maintain_order=True).agg("key")["key"].to_list())


def test_songs_one_after_another_are_a_playlist_and_a_long_pause_begins_another():
    first = [(ANN, minute, song, 0.8) for minute, song in enumerate("edcba")]
    second = [(ANN, 60 + minute, song, 1.0) for minute, song in enumerate("uvwxy")]
    assert keys(kept_playlists([deeds(*second, *first)])) == [list("edcba"), list("uvwxy")]


def test_listeners_are_told_apart_and_a_playlist_may_run_over_midnight():
    before = deeds(*[(ANN, minute, song, 0.8) for minute, song in enumerate("abc")])
    after = deeds(*[(ANN, 12 + minute, song, 0.8) for minute, song in enumerate("de")])
    other = deeds(*[(BOB, minute, song, 0.8) for minute, song in enumerate("abcd")])
    kept = kept_playlists([before, after, other])
    assert keys(kept) == [list("abcde")]
    assert kept["place"].to_list() == [0, 1, 2, 3, 4]


def test_a_song_stands_once_and_one_that_was_skipped_at_last_not_at_all():
    told = [(ANN, 0, "a", 0.8), (ANN, 1, "b", 0.8), (ANN, 2, "a", 1.0), (ANN, 3, "c", 0.2)]
    told += [(ANN, 4 + n, song, 0.8) for n, song in enumerate("defgh")] + [(ANN, 10, "e", 0.0)]
    assert keys(kept_playlists([deeds(*told)])) == [list("abdfgh")]


def test_the_id_of_a_playlist_stays_when_events_come_late_and_is_none_of_a_file():
    told = [(ANN, minute, song, 0.8) for minute, song in enumerate("abcde")]
    before, after = (kept_playlists([deeds(*told[:n], (ANN, 9, "z", 0.8))])["pid"].unique() for n in (4, 5))
    assert before.to_list() == after.to_list()
    assert FIRST_PID <= before[0] < 2**32
    assert kept_playlists([]).height == kept_playlists([deeds()]).height == 0


def test_kept_playlists_stand_behind_those_of_files_without_songs_that_no_file_has():
    tracks = rows_of({pid: [(f"s{k}", "ann") for k in range(pid, pid + 4)] for pid in range(3)})
    names = pl.DataFrame({"pid": [0, 1, 2], "name": ["x", "y", "z"], "num_followers": [1, 2, 3]}).cast(
        {"pid": pl.UInt32}
    )
    plain = in_order(tracks, names)
    told = [plain.songs.table["key"][song] for song in (5, 0, 3)] + ["never\theard"]
    kept = pl.DataFrame({"pid": [FIRST_PID + 7] * 4, "place": [0, 1, 2, 3], "key": told})
    both = in_order(tracks, names, kept.cast({"pid": pl.UInt32, "place": pl.UInt32}))
    assert both.songs.table.equals(plain.songs.table)
    assert both.sequences.pids.tolist() == [0, 1, 2, FIRST_PID + 7]
    assert both.sequences.playlist(3)[0].tolist() == [5, 0, 3]
    assert both.playlists.row(3) == (FIRST_PID + 7, "", None)


@pytest.mark.parametrize(
    ("stored", "events", "running", "key"),
    [
        ("one", 4, False, None),
        ("one", 5, False, "track_index-one-9"),
        ("two", 0, False, "track_index-two-9"),
        ("two", 5, True, None),
    ],
)
def test_other_playlists_or_enough_events_ask_for_one_run(stored, events, running, key):
    found, reason = decide_playlists("track_index", Since("one", stored, events, 9), 5, running=running)
    assert found == key
    assert f"{events} of 5 events since track_index" in reason

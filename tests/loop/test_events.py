"""Events as training reads them: grades, the blocks and plays made of them, and who is new among the listeners."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.feedback.days import FeedbackDays
from buddies_assets.feedback.event_blocks import LEAST_GRADE, event_blocks
from buddies_assets.feedback.event_days import EVENT_DAYS, EVENTS, EVENTS_BY_DAY, KEPT, QUARANTINED_EVENTS, graded
from buddies_assets.feedback.listener_plays import listener_plays, strangers
from buddies_assets.feedback.session_blocks import Known, in_window, to_blocks
from buddies_assets.feedback.window import Window
from buddies_assets.systems.songs.sensors import events_since
from buddies_core.artifact.listeners import stand_in
from buddies_core.postgres.schema import execute
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.forgotten import ForgottenIds
from buddies_core.storage.manifest import CacheKey

DAY = datetime(2026, 3, 10, tzinfo=UTC)
DAYS = [date(2026, 3, day) for day in range(8, 13)]
ANN, BOB = "a" * 40, "b" * 40
EVENT = {"song_id": None, "song_key": None, "pid": None, "seconds": None, "share": None}


def event(
    number: int, kind: str = "play", user_key: str = ANN, at: datetime = DAY, **told: object
) -> dict[str, object]:
    identity = f"00000000-0000-0000-0000-{number:012d}"
    return {
        "event_id": identity,
        "created_at": at,
        "received_at": at,
        "user_key": user_key,
        "kind": kind,
        **EVENT,
        **told,
    }


def events(*rows: dict[str, object]) -> pl.DataFrame:
    return graded(pl.DataFrame(list(rows), schema=EVENTS)).cast(KEPT)


def known(playlists: int = 10) -> Known:
    return Known(
        pl.DataFrame({"user": [0, 1], "user_id": [ANN, BOB]}, schema_overrides={"user": pl.UInt32}),
        pl.DataFrame({"playlist": range(playlists), "pid": range(100, 100 + 10 * playlists, 10)}).cast(pl.UInt32),
        pl.DataFrame({"playlist": [9], "owner": [0]}).cast(pl.UInt32),
    )


@pytest.mark.parametrize(
    ("kind", "told", "grade"),
    [
        ("like", {"song_id": "S"}, 1.0),
        ("save", {"pid": 1, "share": 0.1}, 0.8),
        ("skip", {"song_id": "S", "share": 0.9}, 0.0),
        ("play", {"pid": 1, "share": 0.25}, 0.25),
        ("play", {"pid": 1, "share": 0.25, "seconds": 9_000.0}, 0.25),
        ("play", {"pid": 1, "seconds": 900.0}, 0.25),
        ("play", {"pid": 1, "seconds": 9_000.0}, 1.0),
        ("play", {"song_id": "S", "seconds": 60.0}, 0.25),
        ("play", {"song_key": "k", "seconds": 600.0}, 1.0),
        ("play", {"song_id": "S"}, 0.5),
    ],
)
def test_a_deed_is_graded_by_what_it_tells_of_taste(kind, told, grade):
    assert events(event(1, kind, **told))["grade"].to_list() == [grade]


def add(connection, *rows: dict[str, object]) -> None:
    for row in rows:
        execute(
            connection,
            "INSERT INTO feedback.listener_events (event_id, created_at, received_at, user_id, user_key, kind, song_id,"
            " song_key, playlist, seconds, share) VALUES (%(event_id)s, %(created_at)s, %(received_at)s, 1,"
            " %(user_key)s, %(kind)s, %(song_id)s, %(song_key)s, %(pid)s, %(seconds)s, %(share)s)",
            row,
        )


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore.at(str(tmp_path / "home"))


def refreshed(store: DatasetStore, connection) -> list[tuple[int, int, int]]:
    days = FeedbackDays(store, 1, "run", source=EVENTS_BY_DAY)
    return [(made.day.day, made.blocks, made.quarantined) for made in days.refresh(connection, DAYS)]


def test_only_days_with_new_events_are_read_again_and_programs_are_set_aside(store, connection):
    add(connection, event(1, song_id="S1"), event(2, "like", BOB, DAY + timedelta(days=1), pid=100))
    assert refreshed(store, connection) == [(10, 1, 0), (11, 1, 0)]
    assert refreshed(store, connection) == []
    program = [event(10 + n, "play", BOB, DAY + timedelta(seconds=n / 2), song_id="S1") for n in range(61)]
    saves = [event(200 + n, "save", ANN, DAY, song_id=f"S{n}") for n in range(61)]
    add(connection, *program, *saves)
    # naming many songs at once is no program; playing one a half second is
    assert refreshed(store, connection) == [(10, 62, 61)]
    stored = FeedbackDays(store, 1, "run", source=EVENTS_BY_DAY).stored(QUARANTINED_EVENTS, DAY.date())
    assert stored is not None
    assert stored.frame()["reason"].unique().to_list() == [
        "more than 60 plays and skips of this listener in one minute"
    ]


def test_events_of_the_forgotten_are_left_out_and_counted(store, connection, tmp_path):
    add(connection, event(1, song_id="S1"), event(2, user_key=BOB, song_id="S1"))
    ForgottenIds.at(str(tmp_path / "home")).adding(ANN)
    days = FeedbackDays(store, 1, "run", source=EVENTS_BY_DAY)
    (made,) = days.refresh(connection, DAYS)
    assert (made.sessions, made.blocks, made.forgotten) == (2, 1, 1)
    kept = days.stored(EVENT_DAYS, DAY.date())
    assert kept is not None
    assert kept.frame()["user_key"].to_list() == [BOB]


def test_a_playlist_that_was_liked_or_mostly_heard_is_a_block_with_negatives_that_are_nobodys_positive():
    made = event_blocks(
        events(
            event(1, "like", pid=100),
            event(2, "play", pid=110, share=0.6),
            event(3, "play", pid=120, share=LEAST_GRADE - 0.01),
            event(4, "skip", pid=130),
            event(5, "play", pid=100, share=0.7),
            event(6, "like", user_key="c" * 40, pid=100),
            event(7, "like", pid=999),
            event(8, "like", song_id="S"),
            event(9, "save", BOB, pid=100),
        ),
        known(),
        seed=1,
    )
    assert made.select("user", "positive", "grade").rows() == [(0, 0, 1.0), (0, 1, 0.6), (1, 0, 0.8)]
    for user, negatives in made.select("user", "negatives").iter_rows():
        assert 1 <= len(negatives) <= 4
        # what the listener owns or likes is none
        assert not {0: {0, 1, 9}, 1: {0}}[user] & set(negatives)
        assert len(set(negatives)) == len(negatives)


def test_negatives_hang_on_the_event_and_the_pids_alone():
    one, two = event(1, "like", pid=100), event(2, "like", BOB, pid=110)
    both = event_blocks(events(one, two), known(), seed=1)
    alone = event_blocks(events(two), known(), seed=1)
    assert both.filter(pl.col("user") == 1).to_dicts() == alone.to_dicts()
    more = known(200)
    renumbered = Known(more.users, more.playlists.with_columns(playlist=199 - pl.col("playlist")), more.owned.clear())
    plain = Known(more.users, more.playlists, more.owned.clear())
    as_pids = [
        [
            sorted(world.playlists.filter(pl.col("playlist").is_in(row))["pid"].to_list())
            for row in event_blocks(events(one, two), world, seed=1)["negatives"].to_list()
        ]
        for world in (plain, renumbered)
    ]
    assert as_pids[0] == as_pids[1]
    assert event_blocks(events(one), plain, seed=2)["negatives"].to_list() != [
        event_blocks(events(one), plain, seed=1)["negatives"][0].to_list()
    ]


def test_a_block_is_repeated_by_its_grade():
    rows = [event(n, "play", f"{n:040x}", pid=100 + 10 * (n % 9), share=0.5 + 0.5 * (n % 2)) for n in range(400)]
    people = Known(
        pl.DataFrame({"user": range(400), "user_id": [f"{n:040x}" for n in range(400)]}).cast({"user": pl.UInt32}),
        known().playlists,
        known().owned,
    )
    window = Window(DAY + timedelta(hours=3), 28, 0)
    made = in_window(event_blocks(events(*rows), people, seed=1), window, weight=4.0, seed=1)
    trained = made.filter(pl.col("split") == "train")
    assert "grade" not in made.columns
    odd = pl.col("user") % 2 == 1
    assert trained.filter(odd)["copies"].unique().to_list() == [4]
    assert trained.filter(~odd)["copies"].unique().to_list() == [2]


def test_plays_since_are_counted_by_listener_and_song_and_a_song_skipped_at_last_is_none():
    later = DAY + timedelta(days=1)
    first = events(
        event(1, song_id="S1"),
        event(2, "skip", song_id="S2"),
        event(3, "like", song_id="S3"),
        event(4, "like", pid=100),
    )
    second = events(
        event(5, "like", at=later, song_id="S1"),
        event(6, at=later, song_id="S2"),
        event(7, "skip", at=later, song_id="S3"),
        event(8, "save", BOB, later, song_key="dune\tdi"),
    )
    assert listener_plays([first, second]).rows() == [
        (ANN, "S1", None, 2, 1.0, later),
        (ANN, "S2", None, 1, 0.5, later),
        (BOB, None, "dune\tdi", 1, 0.8, later),
    ]
    assert listener_plays([]).height == 0


def test_a_session_of_somebody_who_is_no_user_yet_waits_and_is_no_offence(connection, add_sessions):
    stranger = "c" * 40
    add_sessions(range(1, 3), DAY)
    execute(
        connection,
        "UPDATE feedback.sessions SET user_id = %(number)s, user_key = %(key)s WHERE session_id ="
        " (SELECT min(session_id::text)::uuid FROM feedback.sessions)",
        {"number": stand_in(stranger), "key": stranger},
    )
    from buddies_assets.feedback.sessions import sessions_of

    sessions = sessions_of(connection, DAY.date())
    before = to_blocks(sessions, known(), seed=1)
    assert (before.waiting, before.quarantined.height) == (1, 0)
    assert strangers(connection).to_list() == [stranger]
    grown = known()
    users = pl.concat([grown.users, pl.DataFrame({"user": [2], "user_id": [stranger]}).cast({"user": pl.UInt32})])
    after = to_blocks(sessions, Known(users, grown.playlists, grown.owned), seed=1)
    assert (after.waiting, after.blocks.height) == (0, before.blocks.height + 1)
    assert 2 in after.blocks["user"].to_list()


def test_songs_count_the_events_that_their_plays_have_not_read(connection, tmp_path):
    settings = Settings(home=str(tmp_path))
    add(connection, *(event(n, at=DAY - timedelta(days=n % 2), song_id="S") for n in range(6)))
    assert events_since(connection, settings) is None  # songs were never made
    writer = DatasetStore.at(settings.home).writer(CacheKey("song_plays", "code", {}, {}), "run")
    read = {"events": {"days": {"2026-03-10": 3, "2026-03-09": 1}}}
    writer.commit([writer.write_shard(0, pl.DataFrame({"user": [ANN]}))], extra=read)
    assert events_since(connection, settings) == (2, 6)

"""Events: what listeners do is durable when it is acknowledged, told from what it is not, and counts at once.

The small world: user 5 plays song 3 (Dune by Di) and has no list; playlist 130 holds songs 0 (Aerial) and 3.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from buddies_core.artifact.listeners import listener_id, stand_in
from buddies_serving.feedback.spool import Spool
from buddies_serving.listeners.fresh_songs import FreshSongs, chosen
from buddies_serving.model.by_songs import fold_in
from buddies_serving.types.feedback import Event, SongName

AERIAL, DUNE = {"title": "Aerial", "artist": "Ana"}, {"id": "SO0000000000000003"}
NEW = "c0ffee" + "0" * 34


def send(server: Any, user: int | str, *events: dict[str, Any], key: str | None = None) -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    return server.post("/api/events/", json={"user_id": user, "events": list(events)}, headers=headers)


def stored(url: str, columns: str = "*") -> list[tuple[Any, ...]]:
    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            query = f"SELECT {columns} FROM feedback.listener_events ORDER BY created_at, kind"
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def connected(make_model: Callable[..., Any], serve: Callable[..., Any], database: str) -> Any:
    """The small world, served with a database that is there."""
    make_model(factors=True)
    server = serve(postgres_url=database)
    eventually(lambda: server.service.writer.state.database_ready)
    return server


def test_what_is_acknowledged_is_in_the_database_with_song_listener_and_figures(connected: Any, database: str) -> None:
    at = "2026-01-31T12:00:00Z"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    answer = send(
        connected, 5, {"kind": "play", "song": DUNE, "seconds": 61.5}, {"kind": "save", "playlist": 130, "share": 0.25,
        "created_at": now},
    )  # fmt: skip
    assert (answer.status_code, answer.json()) == (200, {"msg": "Events Stored", "events": 2})
    columns = "user_id, user_key, kind, song_id, song_key, playlist, seconds, share"
    assert sorted(stored(database, columns), key=lambda row: row[2]) == [
        (5, "5" * 40, "play", "SO0000000000000003", "dune\tdi", None, 61.5, None),
        (5, "5" * 40, "save", None, None, 130, None, 0.25),
    ]
    late = send(connected, 5, {"kind": "play", "song": DUNE, "created_at": at.replace("2026", "2001")})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "events[0].created_at")


@pytest.mark.parametrize(
    ("user", "event", "field"),
    [
        (5, {"kind": "hum", "song": AERIAL}, "events[0].kind"),
        (5, {"kind": "play"}, "events[0]"),
        (5, {"kind": "play", "song": AERIAL, "playlist": 130}, "events[0]"),
        (5, {"kind": "play", "song": {}}, "events[0].song"),
        (5, {"kind": "play", "song": {"title": "Aerial"}}, "events[0].song"),
        (5, {"kind": "play", "song": {"title": "Aerial", "artist": "Nobody"}}, "events[0].song"),
        (5, {"kind": "play", "song": {"id": "SO9999999999999999"}}, "events[0].song"),
        (5, {"kind": "play", "playlist": 999}, "events[0].playlist"),
        (5, {"kind": "play", "playlist": -1}, "events[0].playlist"),
        (5, {"kind": "play", "song": AERIAL, "seconds": -1}, "events[0].seconds"),
        (5, {"kind": "play", "song": AERIAL, "seconds": 1e9}, "events[0].seconds"),
        (5, {"kind": "play", "playlist": 130, "share": 1.5}, "events[0].share"),
        (5, {"kind": "play", "song": AERIAL, "created_at": "yesterday"}, "events[0].created_at"),
        (5, {"kind": "play", "song": AERIAL, "created_at": "2999-01-01T00:00:00Z"}, "events[0].created_at"),
        (5, {"kind": "play", "song": AERIAL, "id": ""}, "events[0].id"),
        (6, {"kind": "play", "song": AERIAL}, "user_id"),
        ("ada", {"kind": "play", "song": AERIAL}, "user_id"),
        ("client:", {"kind": "play", "song": AERIAL}, "user_id"),
        ("client:a b", {"kind": "play", "song": AERIAL}, "user_id"),
        ("C0FFEE" + "0" * 34, {"kind": "play", "song": AERIAL}, "user_id"),
        (True, {"kind": "play", "song": AERIAL}, "user_id"),
    ],
)  # fmt: skip
def test_bad_input_names_its_field_and_nothing_of_it_is_kept(steady: Any, user: Any, event: Any, field: str) -> None:
    before = len(steady.service.remembered.songs)
    refused = send(steady, user, event)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field
    assert len(steady.service.remembered.songs) == before


def test_one_bad_event_refuses_all_and_names_its_place(server: Any) -> None:
    refused = send(server, 5, {"kind": "play", "song": AERIAL}, {"kind": "play", "playlist": 4})
    assert refused.json()["errors"][0]["field"] == "events[1].playlist"
    assert len(server.service.remembered.songs) == 0


@pytest.mark.parametrize("events", [[], [{"kind": "play", "song": AERIAL}] * 501])
def test_a_request_has_one_event_to_five_hundred(steady: Any, events: list[Any]) -> None:
    assert send(steady, 5, *events).json()["errors"][0]["field"] == "events"


def test_an_event_that_is_told_from_others_counts_once_however_often_it_is_sent(connected: Any, database: str) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    for _ in range(2):
        assert send(connected, 5, {"kind": "play", "song": AERIAL, "id": "a"}).status_code == 200
        assert send(connected, 5, {"kind": "play", "song": AERIAL}, {"kind": "skip", "song": DUNE}, key="k").is_success
        assert send(connected, 5, {"kind": "like", "song": AERIAL, "created_at": at}).status_code == 200
    assert len(stored(database)) == 4
    # another listener's event of the same id is another
    assert send(connected, 4, {"kind": "play", "song": AERIAL, "id": "a"}).status_code == 200
    assert len(stored(database)) == 5
    # without anything to tell them apart by, two plays are two
    for _ in range(2):
        send(connected, 5, {"kind": "play", "song": AERIAL})
    assert len(stored(database)) == 7


def test_an_id_that_stands_for_another_event_is_refused_also_by_the_next_service(
    connected: Any, database: str, serve: Callable[..., Any], tmp_path: Any
) -> None:
    assert send(connected, 5, {"kind": "play", "song": AERIAL, "id": "a"}).status_code == 200
    assert send(connected, 5, {"kind": "skip", "song": AERIAL, "id": "a"}).status_code == 422
    other = serve(postgres_url=database, spool_dir=tmp_path / "other-spool")
    eventually(lambda: other.service.writer.state.database_ready)
    assert send(other, 5, {"kind": "skip", "song": AERIAL, "id": "a"}).status_code == 422
    assert send(other, 5, {"kind": "play", "song": AERIAL, "id": "a"}).status_code == 200
    assert [row[0] for row in stored(database, "kind")] == ["play"]


def test_one_event_twice_in_a_request_is_refused(steady: Any) -> None:
    refused = send(steady, 5, *[{"kind": "play", "song": AERIAL, "id": "a"}] * 2)
    assert refused.json()["errors"][0]["field"] == "events[1]"


def test_two_services_and_a_restart_lose_no_event(
    make_model: Callable[..., Any], serve: Callable[..., Any], database: str, tmp_path: Any
) -> None:
    make_model(factors=True)
    first, second = (serve(postgres_url=database, spool_dir=tmp_path / name) for name in ("one", "two"))
    acknowledged: list[str] = []

    def listen(server: Any, name: str) -> None:
        for number in range(40):
            identity = f"{name}-{number}"
            if send(server, 5, {"kind": "play", "song": AERIAL, "id": identity}).is_success:
                acknowledged.append(identity)

    threads = [threading.Thread(target=listen, args=pair) for pair in ((first, "one"), (second, "two"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(acknowledged) == 80
    first.stop()
    again = serve(postgres_url=database, spool_dir=tmp_path / "one")
    eventually(lambda: again.service.writer.state.database_ready and not again.service.writer.spool.size)
    eventually(lambda: len(stored(database)) == 80)


def test_events_wait_in_the_spool_and_are_remembered_after_a_restart(server: Any, serve: Any, database: str) -> None:
    assert send(server, NEW, {"kind": "like", "song": AERIAL}).status_code == 200
    (before,) = server.recommend(NEW)
    server.stop()
    again = serve(postgres_url=database)
    assert again.recommend(NEW) == [before]
    eventually(lambda: again.service.writer.state.database_ready and not again.service.writer.spool.size)
    assert stored(database, "user_id, user_key") == [(stand_in(NEW), NEW)]


def test_what_one_service_was_told_the_other_serves_within_moments(
    connected: Any, serve: Callable[..., Any], database: str, tmp_path: Any
) -> None:
    other = serve(postgres_url=database, spool_dir=tmp_path / "other-spool")
    eventually(lambda: other.service.writer.state.database_ready)
    send(connected, NEW, {"kind": "like", "song": AERIAL})
    expected = connected.recommend(NEW)
    eventually(lambda: other.recommend(NEW) == expected)


def test_a_listener_without_a_list_is_served_by_the_songs_they_play_from_the_next_request_on(server: Any) -> None:
    (before,) = server.recommend(5)
    model = server.service.watcher.serving.champion
    assert send(server, 5, {"kind": "play", "song": AERIAL}).status_code == 200
    (after,) = server.recommend(5)
    # song 3 is in their library, song 0 was played; 150 is what they liked in train
    assert after["playlists"] == [pid for pid in model.pids[fold_in(model, [0, 3], 8)].tolist() if pid != 150][:5]
    assert after != before
    # in an answer to many, too
    assert server.recommend(5, 0, 1)[0] == after
    why = server.get("/api/users/5/recommendations?explain=true").json()
    assert why["cold"] is False
    assert {card["why"]["kind"] for card in why["playlists"]} == {"likes"}


def test_a_playlist_liked_or_saved_by_an_event_leaves_the_list_and_one_that_is_played_does_not(server: Any) -> None:
    first, second, third, *_ = server.recommend(0)[0]["playlists"]
    send(server, 0, {"kind": "like", "playlist": first}, {"kind": "save", "playlist": second})
    send(server, 0, {"kind": "play", "playlist": third, "share": 1})
    shown = server.recommend(0)[0]["playlists"]
    assert third == shown[0]
    assert not {first, second} & set(shown)


def test_a_skipped_song_speaks_for_no_taste(server: Any) -> None:
    before = server.recommend(NEW)
    send(server, NEW, {"kind": "skip", "song": AERIAL})
    assert server.recommend(NEW) == before


def test_events_ask_for_the_scope_of_feedback(make_model: Any, serve: Any, tmp_path: Any) -> None:
    from buddies_serving.http.keys import new_key

    make_model()
    keys = tmp_path / "keys.json"
    listener, page = (
        new_key(keys, name, [scope], days=1) for name, scope in (("one", "feedback"), ("two", "recommend"))
    )
    server = serve(api_keys_file=keys)
    body = {"user_id": 5, "events": [{"kind": "play", "song": AERIAL}]}
    asked = [server.post("/api/events/", json=body, headers={"x-api-key": key}) for key in ("", page, listener)]
    assert [answer.status_code for answer in asked] == [401, 403, 200]


def test_a_spool_keeps_sessions_and_events_in_their_order_and_reads_old_segments(tmp_path: Any) -> None:
    from buddies_serving.types.feedback import Session

    identity = "00000000-0000-0000-0000-00000000000{}".format
    session = Session(identity(1), 1.0, 1.0, 7, None, 130, (130, 110), "v1", "champion")
    event = Event(identity(2), 1.0, 1.0, stand_in(NEW), NEW, "like", song_key="dune\tdi")
    spool = Spool(tmp_path)
    spool.append([session, event])
    spool.close()
    again = Spool(tmp_path)
    assert [record for path in again.closed() for record in again.read(path)] == [session, event]


def test_a_client_name_is_always_the_same_listener_and_a_stand_in_is_no_number() -> None:
    assert listener_id("client:ada") == listener_id("client:ada") != listener_id("client:bob")
    assert listener_id(NEW) == NEW
    assert len(listener_id("client:ada")) == 40
    assert all(-(2**31) <= stand_in(f"{number:040x}") < 0 for number in range(500))


def test_songs_of_late_are_bounded_in_all_and_of_one_listener() -> None:
    def name(number: int) -> SongName:
        return SongName(f"S{number}", None)

    songs = FreshSongs(1_000)
    for number in range(600):
        songs.add(1, name(number), float(number), "play")
    assert next(iter(songs.of(1))) == name(100)
    assert len(songs) == 500
    for listener in range(2, 600):
        songs.add(listener, name(1), 1.0, "play")
    assert len(songs) == 598
    assert songs.of(1) == {}


@pytest.mark.parametrize(
    ("kinds", "left"), [(["like", "play"], "like"), (["play", "like"], "like"), (["like", "skip"], "skip"),
                        (["skip", "play"], "play")]
)  # fmt: skip
def test_a_song_stays_liked_until_it_is_skipped(kinds: list[Any], left: str) -> None:
    songs, song = FreshSongs(10), SongName("S1", None)
    for at, kind in enumerate(kinds):
        songs.add(1, song, float(at), kind)
    assert songs.of(1) == {song: (1.0, left)}
    assert chosen(songs.of(1)) == ([] if left == "skip" else [song])
    # told again, as another service's rows are, it is the same
    songs.add(1, song, 0.0, kinds[0])
    assert songs.of(1)[song] == (1.0, left)

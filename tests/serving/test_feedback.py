"""Feedback, over HTTP, into a real PostgreSQL."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import buddies_serving.feedback
from buddies_assets.forgetting.versions import without_user
from buddies_core.artifact.store import publish, write_version
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.postgres.schema import Migration, MigrationError, Schema
from buddies_serving.errors import FeedbackRefusedError
from buddies_serving.feedback.migrate import SCHEMA, migrate
from buddies_serving.types.feedback import Losses, Session


def rows(url: str, query: str, *values: Any) -> list[tuple]:
    async def fetch() -> list[tuple]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


@pytest.fixture
def stored(make_model: Callable, serve: Callable, database: str) -> Any:
    """The small world, served with a database that is ready."""
    make_model(factors=True)
    server = serve(postgres_url=database)
    eventually(lambda: server.service.writer.state.database_ready)
    return server


def test_what_was_shown_is_stored_with_its_order_version_and_arm(stored: Any, database: str) -> None:
    shown = stored.get("/api/users/0/recommendations").json()
    pids = [card["playlist"] for card in shown["playlists"]]
    others = [pid for pid in pids if pid != 140]
    identity = shown["recommendation_id"]
    assert stored.like(0, 140, *others, recommendation_id=identity).json() == {"msg": "Feedback Sent"}
    query = "SELECT user_id, user_key, liked, shown, model_version, arm, recommendation_id FROM feedback.sessions"
    assert rows(database, query) == [(0, "0" * 40, 140, pids, "v1", "champion", identity)]


def test_the_contracts_clients_get_the_shown_order_stored_too(stored: Any, database: str) -> None:
    (listed,) = stored.recommend(0)
    first, second, third, *rest = listed["playlists"]
    stored.like(0, third, first, second, *rest)
    (listed,) = stored.recommend(0)
    stored.like(0, listed["playlists"][1], listed["playlists"][0], *listed["playlists"][2:])
    stored.like(0, 170, 100)
    shown = [row for (row,) in rows(database, "SELECT shown FROM feedback.sessions ORDER BY received_at")]
    assert shown == [[130, 110, 140, 150, 120], [130, 110, 150, 120, 160], [170, 100]]


def test_the_view_scores_the_like_one_and_the_others_zero(stored: Any, database: str) -> None:
    stored.like(3, 160, 150, 140)
    query = "SELECT user_id, playlist_id, score FROM feedback.events ORDER BY playlist_id"
    assert rows(database, query) == [(3, 140, 0), (3, 150, 0), (3, 160, 1)]
    named = (
        "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'events' ORDER BY ordinal_position"
    )
    assert [name for (name,) in rows(database, named)] == ["created_at", "user_id", "playlist_id", "score"]


def test_feedback_sent_twice_is_stored_once(stored: Any, database: str) -> None:
    for _ in range(2):
        assert stored.like(0, 130, 110).status_code == 200
        assert stored.like(0, 110, 140, key="mine").status_code == 200
    assert stored.like(1, 170, 100, key="mine").status_code == 200
    query = "SELECT user_id, liked FROM feedback.sessions ORDER BY liked"
    assert rows(database, query) == [(0, 110), (0, 130), (1, 170)]


def test_a_key_that_was_used_for_other_feedback_is_refused(stored: Any, serve: Callable, database: str) -> None:
    assert stored.like(0, 130, 110, key="mine").status_code == 200
    for other in ((150, 110), (130, 140)):
        answer = stored.like(0, *other, key="mine")
        assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (422, True)
    assert stored.like(0, 130, 110, key="mine").status_code == 200
    stored.stop()
    # what memory has forgotten, the database knows
    again = serve(postgres_url=database)
    eventually(lambda: again.service.writer.state.database_ready)
    assert again.like(0, 150, 110, key="mine").status_code == 422
    assert again.like(0, 130, 110, key="mine").status_code == 200
    assert rows(database, "SELECT liked FROM feedback.sessions") == [(130,)]


def test_a_key_in_the_spool_is_known_after_a_start(server: Any, serve: Callable) -> None:
    assert server.like(0, 130, 110, key="mine").status_code == 200
    server.stop()
    again = serve()
    assert again.like(0, 150, 110, key="mine").status_code == 422
    assert again.like(0, 130, 110, key="mine").status_code == 200


def test_a_user_nobody_knows_gives_no_feedback(steady: Any) -> None:
    for user in (6, 99, 2_147_483_647):
        answer = steady.like(user, 130, 110)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "user_id")
    listed = steady.get("/api/users/99/recommendations").json()
    pids = [card["playlist"] for card in listed["playlists"]]
    assert steady.like(99, *pids, recommendation_id=listed["recommendation_id"]).status_code == 422
    assert steady.service.writer.spool.size == 0


@pytest.mark.parametrize(
    "forged",
    ["m.{}.v1\x00", "m.{}.v1", "m.0123456789abcdef.v1", "m.{}.other", "b.{}.v1", "a.{}.v9"],
)
def test_nobody_can_make_up_an_arm_or_a_version(steady: Any, forged: str) -> None:
    listed = steady.get("/api/users/0/recommendations").json()
    pids = [card["playlist"] for card in listed["playlists"]]
    identity = forged.format(listed["recommendation_id"].split(".")[1])
    assert steady.like(0, *pids, recommendation_id=identity).status_code == 422
    assert steady.service.writer.spool.size == 0


def test_one_row_that_the_schema_refuses_is_set_aside_alone(stored: Any, database: str) -> None:
    writer = stored.service.writer

    def session(number: int, version: str) -> Session:
        return Session(
            str(uuid.UUID(int=number)), time.time(), time.time(), 0, None, 130, (130, 110), version, "champion"
        )

    async def send() -> list[Any]:
        many = [session(number, "v1" if number % 7 else "v\x00") for number in range(1, 50)]
        return await asyncio.gather(*(writer.submit(item) for item in many), return_exceptions=True)

    answers = asyncio.run_coroutine_threadsafe(send(), stored.loop).result(60)
    refused = [place + 1 for place, answer in enumerate(answers) if isinstance(answer, FeedbackRefusedError)]
    assert refused == list(range(7, 50, 7))
    assert rows(database, "SELECT count(*) FROM feedback.sessions") == [(42,)]
    assert (writer.state.database_ready, writer.spool.size, writer.spool.losses) == (True, 0, Losses(refused=7))
    eventually(lambda: rows(database, "SELECT refused FROM feedback.spool_losses") == [(7,)])
    assert "7 refused" in stored.get("/health/ready").json()["warnings"][0]


def test_an_idle_service_notices_that_its_database_has_gone(stored: Any, postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    try:
        eventually(lambda: stored.get("/health/ready").json()["status"] == "degraded", seconds=10)
    finally:
        postgres.start()
    eventually(lambda: stored.get("/health/ready").json()["status"] == "ok")


def test_likes_stored_before_a_start_are_hidden_after_it(stored: Any, serve: Callable, database: str) -> None:
    stored.like(0, 130, 110)
    stored.stop()
    again = serve(postgres_url=database)
    eventually(lambda: len(again.service.remembered.likes) == 1)
    assert again.recommend(0) == [{"user_id": 0, "playlists": [110, 140, 150, 120, 160]}]


def test_likes_in_the_spool_are_hidden_after_a_start_too(server: Any, serve: Callable) -> None:
    server.like(0, 130, 110)
    server.stop()
    assert serve().recommend(0) == [{"user_id": 0, "playlists": [110, 140, 150, 120, 160]}]


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"like_playlist": 999}, "like_playlist"),
        ({"like_playlist": -1}, "like_playlist"),
        ({"like_playlist": 2**40}, "like_playlist"),
        ({"like_playlist": 110}, "other_playlists"),
        ({"other_playlists": [110, 110]}, "other_playlists"),
        ({"other_playlists": [110, 1]}, "other_playlists[1]"),
        ({"other_playlists": list(range(100))}, "other_playlists"),
        ({"user_id": 2**31}, "user_id"),
        ({"user_id": "0"}, "user_id"),
        ({"created_at": (NOW + timedelta(hours=1)).isoformat()}, "created_at"),
        ({"created_at": (NOW - timedelta(days=40)).isoformat()}, "created_at"),
        ({"created_at": "2026-01-01T00:00:00"}, "created_at"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"recommendation_id": "nonsense"}, "recommendation_id"),
        ({"recommendation_id": "a.0123456789abcdef0123456789ab.v1"}, "like_playlist"),
    ],
)
def test_what_cannot_be_right_is_refused_by_field(steady: Any, change: dict, field: str) -> None:
    body = {"user_id": 0, "like_playlist": 130, "other_playlists": [110, 140]} | change
    answer = steady.post("/feedback", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert steady.service.writer.spool.size == 0


def test_a_like_of_what_another_user_was_shown_is_refused(server: Any) -> None:
    identity = server.get("/api/users/0/recommendations?k=2").json()["recommendation_id"]
    assert server.like(1, 130, 110, recommendation_id=identity).status_code == 422
    assert server.like(0, 130, 140, recommendation_id=identity).status_code == 422
    assert server.like(0, 110, 130, recommendation_id=identity).status_code == 200


def test_feedback_given_offline_keeps_its_time(stored: Any, database: str) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    assert stored.like(0, 130, 110, created_at=moment.isoformat()).status_code == 200
    assert rows(database, "SELECT created_at FROM feedback.sessions") == [(moment,)]


def test_lists_served_are_counted_by_version_and_arm(stored: Any, serve: Callable, database: str) -> None:
    stored.recommend(0, 1, 3)
    stored.recommend(0)
    stored.stop()
    query = "SELECT model_version, arm, recommendations FROM feedback.recommendations_served"
    assert rows(database, query) == [("v1", "champion", 4)]


def test_a_database_that_dies_stops_or_returns_loses_nothing(
    stored: Any, database: str, postgres: EmbeddedPostgres
) -> None:
    pid = int((postgres.data / "postmaster.pid").read_text().split()[0])
    assert stored.like(0, 130, 110).status_code == 200
    os.kill(pid, signal.SIGSTOP)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), signal.SIGSTOP)
    try:
        assert stored.like(0, 110, 140).status_code == 200
        assert stored.service.writer.spool.size > 0
        assert stored.get("/health/ready").json()["status"] == "degraded"
    finally:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGCONT)
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: stored.service.writer.state.database_ready and stored.service.writer.spool.size == 0)
    postgres.stop()
    assert stored.like(0, 140, 150).status_code == 200
    assert postgres.start() == database
    eventually(lambda: stored.service.writer.state.database_ready and stored.service.writer.spool.size == 0)
    assert rows(database, "SELECT liked FROM feedback.sessions ORDER BY created_at") == [(130,), (110,), (140,)]


def test_feedback_that_nothing_can_hold_is_refused_with_a_time_to_retry(make_model: Callable, serve: Callable) -> None:
    make_model()
    full = serve(spool_max_bytes=4096)
    answers = [full.like(0, 130, 110, key=f"key-{number}") for number in range(40)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert {(answer.status_code, answer.headers["retry-after"]) for answer in refused} == {(503, "5")}
    assert full.get("/health/ready").status_code == 503


def test_migrations_run_once_and_refuse_a_changed_past(database: str) -> None:
    def having(steps: list[Migration]) -> Schema:
        other = replace(SCHEMA)
        other.__dict__["migrations"] = steps
        return other

    async def steps() -> tuple[list[str], list[str]]:
        connection = await asyncpg.connect(database)
        try:
            first, second = await migrate(connection), await migrate(connection)
            changed = [SCHEMA.migrations[0]._replace(digest="0" * 64), *SCHEMA.migrations[1:]]
            with pytest.raises(MigrationError, match=r"0001_feedback\.sql of the schema feedback was changed"):
                await migrate(connection, having(changed))
            with pytest.raises(MigrationError, match=r"is at 0005_replicas\.sql, this version knows 1 steps"):
                await migrate(connection, having(SCHEMA.migrations[:1]))
        finally:
            await connection.close()
        return first, second

    assert asyncio.run(steps()) == ([step.file for step in SCHEMA.migrations], [])


def test_the_record_of_migrations_is_the_one_that_earlier_services_read_and_wrote(database: str) -> None:
    """A service of the version before looks for number, name and SHA-256 of the text."""

    async def recorded() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database)
        try:
            await migrate(connection)
            return await connection.fetch("SELECT number, name, checksum FROM feedback.schema_migrations ORDER BY 1")
        finally:
            await connection.close()

    folder = Path(buddies_serving.feedback.__file__).parent / "migrations"
    assert [tuple(row) for row in asyncio.run(recorded())] == [
        (int(path.stem[:4]), path.stem[5:], sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.glob("*.sql"))
    ]


@pytest.mark.parametrize(
    "values",
    [
        "gen_random_uuid(), now(), now(), -1, NULL, 1, '{1}', 'v', 'champion', NULL",
        "gen_random_uuid(), now(), now(), 1, NULL, 1, '{2}', 'v', 'champion', NULL",
        "gen_random_uuid(), now(), now(), 1, NULL, 1, '{}', 'v', 'champion', NULL",
        "gen_random_uuid(), now(), now(), 1, 'xyz', 1, '{1}', 'v', 'champion', NULL",
        "gen_random_uuid(), now() + interval '1 day', now(), 1, NULL, 1, '{1}', 'v', 'champion', NULL",
        "gen_random_uuid(), now(), now(), 1, NULL, 1, '{1}', 'v', 'third', NULL",
    ],
)
def test_the_schema_itself_refuses_what_cannot_be_right(database: str, values: str) -> None:
    async def insert() -> None:
        connection = await asyncpg.connect(database)
        try:
            await migrate(connection)
            await connection.execute(f"INSERT INTO feedback.sessions VALUES ({values})")
        finally:
            await connection.close()

    with pytest.raises(asyncpg.CheckViolationError):
        asyncio.run(insert())


def test_feedback_for_the_number_of_somebody_who_was_forgotten_is_refused(
    serve: Any, small_world: Any, tmp_path: Path
) -> None:
    write_version(tmp_path / "served_model", "v1", without_user(small_world, 1))
    publish(tmp_path / "served_model", "v1")
    server = serve()
    pids = server.recommend(1)[0]["playlists"]
    assert len(pids) == 5
    assert server.like(1, *pids).status_code == 422
    assert server.like(0, *server.recommend(0)[0]["playlists"]).status_code in (200, 503)

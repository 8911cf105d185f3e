"""Two replicas of the service and one PostgreSQL: fresh likes, limits over both, keys, and the end of one of them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from databases import server_folder

from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_serving.feedback.replicas import Replicas, Told
from buddies_serving.http.health_check import ask
from buddies_serving.http.rate_limit import RateLimiter
from buddies_serving.model.recommendation_id import RecommendationIds

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with server_folder() as folder:
        server = EmbeddedPostgres(folder)
        yield server.start()
        server.stop()


@contextmanager
def replica(folder: Path, root: Path, database: str | None, *, key: bytes = OLD, **more: str) -> Iterator[tuple]:
    """(process, client) of a service in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key").write_text(key.hex())
    settings = {"HOME": str(folder), "SERVED_MODEL_DIR": str(root), "SIGNING_KEY_FILE": str(folder / "key"), **more}
    if database is not None:
        settings["POSTGRES_URL"] = database
    from buddies_core.http.ports import free_port

    port = settings["PORT"] = str(free_port())
    environment = {**os.environ, **{f"BUDDIES_{name}": value for name, value in settings.items()}}
    log = (folder / "log").open("ab")
    process = subprocess.Popen([sys.executable, "-m", "buddies_serving"], env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            until(lambda: answers(client), what=f"a start; see {folder / 'log'}")
            yield process, client
    finally:
        process.kill()
        process.wait()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def until(condition, *, what: str, seconds: float = 20) -> float:
    """The seconds that something took to become true."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"no {what} within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


def listed(client: httpx.Client, user: int) -> list[int]:
    return client.post("/api/playlist/recommend/", json={"user_ids": [user]}).json()[0]["playlists"]


def like(client: httpx.Client, user: int, pid: int, shown: list[int]) -> None:
    others = [playlist for playlist in shown if playlist != pid]
    answer = client.post("/feedback", json={"user_id": user, "like_playlist": pid, "other_playlists": others})
    assert answer.status_code == 200, answer.text


def has_database(client: httpx.Client) -> bool:
    return client.get("/health/ready").json()["status"] == "ok"


def test_what_one_replica_is_told_leaves_the_lists_of_the_other(tmp_path: Path, make_model, database: str) -> None:
    root = make_model()
    with replica(tmp_path / "a", root, database) as (_, a), replica(tmp_path / "b", root, database) as (_, b):
        for client in (a, b):
            until(lambda client=client: has_database(client), what="database")
        shown = listed(b, 0)
        like(a, 0, shown[0], shown)
        assert shown[0] not in listed(a, 0)
        assert until(lambda: shown[0] not in listed(b, 0), what="like at the other replica") < 2.5


def test_replicas_that_sign_with_different_keys_say_so(tmp_path: Path, make_model, database: str) -> None:
    root = make_model()
    with replica(tmp_path / "a", root, database) as (_, a), replica(tmp_path / "b", root, database, key=NEW):
        until(lambda: "forged" in a.get("/health/ready").text, what="warning")
        assert "buddies_replicas 0.0" not in a.get("/metrics").text


def test_from_sigterm_on_it_is_not_ready_and_answers_and_ends_with_zero(tmp_path: Path, make_model) -> None:
    with replica(tmp_path / "a", make_model(), None, STOP_SECONDS="1.5") as (process, client):
        process.send_signal(signal.SIGTERM)
        until(lambda: client.get("/health/ready").status_code == 503, what="end of readiness", seconds=1)
        assert "the service is stopping" in client.get("/health/ready").text
        assert len(listed(client, 0)) == 5
        assert process.wait(10) == 0


def test_a_second_signal_ends_the_wait(tmp_path: Path, make_model) -> None:
    with replica(tmp_path / "a", make_model(), None, STOP_SECONDS="60") as (process, _):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_stop_empties_the_spool_into_a_database_that_came_back(tmp_path: Path, make_model, database: str) -> None:
    root = make_model()
    with replica(tmp_path / "a", root, None) as (process, client):
        like(client, 1, listed(client, 1)[0], listed(client, 1))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert list((tmp_path / "a/spool").glob("*.spool"))
    with replica(tmp_path / "a", root, database) as (process, client):
        until(lambda: has_database(client), what="database")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not list((tmp_path / "a/spool").glob("*.spool"))


def test_the_health_command_says_what_the_service_says(tmp_path: Path, make_model) -> None:
    with replica(tmp_path / "a", make_model(), None) as (process, client):
        command = [sys.executable, "-m", "buddies_serving.http.health_check"]
        environment = {**os.environ, "BUDDIES_PORT": str(client.base_url.port)}
        assert subprocess.run(command, env=environment, check=False).returncode == 0
        assert subprocess.run([*command, "--live"], env=environment, check=False).returncode == 0
        process.kill()
        process.wait()
        assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 1
    assert ask("http://127.0.0.1:1/")[0] is False


def test_metrics_name_the_program(tmp_path: Path, make_model) -> None:
    with replica(tmp_path / "a", make_model(), None, COMMIT="abc", IMAGE="sha256:1") as (_, client):
        (line,) = (line for line in client.get("/metrics").text.splitlines() if line.startswith("buddies_build_info{"))
    assert 'commit="abc"' in line and 'image="sha256:1"' in line and 'version="' in line and line.endswith(" 1.0")


class Board:
    """What a database would hold of replicas."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}

    async def tell(self, told: Told) -> list[Told]:
        self.told[told.replica] = told
        return [other for name, other in self.told.items() if name != told.replica]


def test_a_keys_rate_holds_over_all_replicas_and_a_burst_at_each_is_paid_back() -> None:
    now, board = [0.0], Board()
    limiters = [RateLimiter(10.0, 20.0, clock=lambda: now[0]) for _ in range(3)]
    replicas = [Replicas(limiter, None) for limiter in limiters]
    for one in replicas:
        one.sign_with([OLD])
        asyncio.run(one.exchange(board))
    admitted = 0
    for step in range(1, 1 + 120 * 10):
        now[0] = step / 10
        admitted += sum(limiter.wait("key") == 0.0 for limiter in limiters for _ in range(5))
        if step % 5 == 0:
            for one in replicas:
                asyncio.run(one.exchange(board))
    # by hand: 120 s at 10 a second, and each of three replicas may begin with its burst of 20 before it hears of others
    assert 1_200 <= admitted <= 1_200 + 3 * 20 + 3 * 5


def test_what_was_spent_before_a_replica_began_is_not_charged_to_it() -> None:
    now, board = [0.0], Board()
    old, new = (RateLimiter(10.0, 20.0, clock=lambda: now[0]) for _ in range(2))
    old.spend("key", None, 1_000.0)
    first, second = Replicas(old, None), Replicas(new, None)
    first.sign_with([OLD])
    second.sign_with([NEW])
    asyncio.run(first.exchange(board))
    asyncio.run(second.exchange(board))
    assert new.wait("key") == 0.0
    assert (second.others, second.signs_otherwise) == (1, 1)


def test_ids_of_the_key_before_are_taken_while_it_is_in_the_file() -> None:
    given = RecommendationIds(OLD).for_list("champion", "v1", 3, [7, 8])
    rotated = RecommendationIds(NEW, OLD)
    parts = rotated.parse(given)
    assert parts is not None
    assert rotated.shown_order(parts, 3, 7, [8]) == [7, 8]
    assert RecommendationIds(NEW).shown_order(parts, 3, 7, [8]) is None
    again = rotated.parse(rotated.for_list("champion", "v1", 3, [7, 8]))
    assert again is not None and RecommendationIds(NEW).shown_order(again, 3, 7, [8]) == [7, 8]

"""A home that version 0.1.0 made opens in this one: champion, feedback and check history are kept.

`fixtures/home-0.1.0.tar.xz` was written by that version: 300 synthetic users, of whom forty asked its service for a
list and liked one of it. It holds the home's datasets, checkpoint and served version, a dump of the schemas `feedback`,
`loop` and `quality`, and the lists that were answered.
"""

import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from buddies_assets.cli.recommending import Recommender
from buddies_assets.release.channels import channels
from buddies_assets.resources.loop_database import connected
from buddies_core.postgres.schema import rows
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.storage.datasets import DatasetStore
from quality.history.database import SCHEMA

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "home-0.1.0.tar.xz"
CHAMPION = "000001-8242a656-1611aef6"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def database(unpacked: Path, postgres_url: str) -> str:
    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute((unpacked / "database.sql").read_text(encoding="utf-8"))
    connection.close()
    return postgres_url


def test_the_champion_is_served_and_answers_as_it_did(unpacked: Path, serve: Callable[..., Any]) -> None:
    assert channels(unpacked / "home" / "served_model").champion == CHAMPION
    answers = json.loads((unpacked / "answers.json").read_text(encoding="utf-8"))
    server = serve(home=str(unpacked / "home"))
    assert [server.recommend(answer["user_id"])[0] for answer in answers] == answers


def test_feedback_and_decisions_are_kept_and_more_is_taken(
    unpacked: Path, database: str, serve: Callable[..., Any]
) -> None:
    with connected(database) as connection:
        assert rows(connection, "SELECT count(*) AS n FROM feedback.sessions")[0]["n"] == 40
    server = serve(home=str(unpacked / "home"), postgres_url=database)
    deadline = time.monotonic() + 60
    while not server.service.writer.state.database_ready:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    liked, *others = server.recommend(50)[0]["playlists"]
    assert server.like(50, liked, *others).json() == {"msg": "Feedback Sent"}
    with connected(database) as connection:
        assert rows(connection, "SELECT count(*) AS n FROM feedback.sessions")[0]["n"] == 41


def test_the_check_history_is_brought_up_to_date_and_kept(database: str) -> None:
    connection = psycopg2.connect(database)
    SCHEMA.migrate(connection)
    assert rows(connection, "SELECT count(*) AS n FROM quality.evaluations")[0]["n"] == 243
    assert rows(connection, "SELECT count(DISTINCT asset) AS n FROM quality.materialisations")[0]["n"] == 27
    connection.close()


def test_checkpoint_and_datasets_are_read(unpacked: Path) -> None:
    home = unpacked / "home"
    checkpoints = CheckpointStore(home / "checkpoints")
    newest = checkpoints.latest()
    assert newest.version == "000001"
    assert checkpoints.factors(newest.version).users.shape[0] == 300
    recommender = Recommender(DatasetStore.at(str(home)))
    assert recommender.table(recommender.find_user("7")).row_count == 5

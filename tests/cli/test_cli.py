"""The `buddies` command as a user types it."""

import re
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from buddies_assets.cli import main
from buddies_core.storage.datasets import DatasetStore

ROOT = Path(__file__).parents[2]


@pytest.fixture
def buddies(tiny_world, monkeypatch):
    settings, _ = tiny_world
    monkeypatch.setenv("BUDDIES_HOME", settings.home)

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(main.app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_datasets_lists_rows_and_the_run(buddies, tiny_world):
    settings, result = tiny_world
    rows = DatasetStore.at(settings.home).open("triplets").manifest.rows
    line = next(line for line in buddies("datasets").splitlines() if "triplets" in line)
    assert f"{rows:,}" in line
    assert result.run_id[:8] in line


def test_show_prints_schema_head_and_statistics(buddies):
    shown = buddies("show", "splits")
    for word in ("Float32", "null_count", "validation"):
        assert word in shown


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson", "arrow"])
def test_export_writes_every_row(buddies, tiny_world, tmp_path, ending):
    settings, _ = tiny_world
    file = tmp_path / f"blocks.{ending}"
    buddies("export", "user_blocks", str(file))
    read = {"parquet": pl.read_parquet, "csv": pl.read_csv, "ndjson": pl.read_ndjson, "arrow": pl.read_ipc}[ending]
    assert read(file).height == DatasetStore.at(settings.home).open("user_blocks").manifest.rows


def test_recommend_takes_an_index_or_an_id_and_says_why(buddies, tiny_world):
    settings, _ = tiny_world
    store = DatasetStore.at(settings.home)
    ranked = store.open("ranked_candidates").frame()
    user = int(ranked.filter(pl.col("playlists").list.len() >= 5)["user"][0])
    identifier = store.open("user_library").frame()["user_id"][user]
    by_index, by_id = buddies("recommend", str(user)), buddies("recommend", identifier)
    assert by_index == by_id
    pids = store.open("playlist_library").frame()["pid"]
    best = ranked.filter(pl.col("user") == user)["playlists"][0][0]
    assert re.search(rf"\b{pids[best]}\b", by_index)


def test_an_unknown_user_is_an_error_that_says_which_there_are(buddies):
    with pytest.raises(Exception, match=r"a number \(0 to 399\) or a 40-hex id"):
        buddies("recommend", "400")


def test_a_missing_dataset_is_an_error_that_says_what_to_run(buddies):
    with pytest.raises(LookupError, match="materialise the asset 'nothing' first"):
        buddies("show", "nothing")


def test_synth_writes_files_that_the_readers_take_without_quarantine(buddies, tmp_path):
    from buddies_assets.sources.mpd import find_slices, read_slices

    said = buddies("synth", "--users", "20", "--playlists", "30", "--out", str(tmp_path))
    assert "BUDDIES_MPD_DIR=" in said
    parsed = list(read_slices(find_slices(tmp_path / "mpd"), strict=True))
    assert sum(group.playlists.height for group in parsed) == 30


def test_the_page_of_settings_documents_every_variable(buddies):
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    table = [line for line in buddies("settings").splitlines() if line.startswith("| `BUDDIES_")]
    assert table
    missing = [line for line in table if line not in page]
    assert not missing, "run `buddies settings` and put the table into docs/settings.md"

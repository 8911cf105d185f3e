"""Suites that users bring: found by their names, read in Great Expectations' own form, refused in a line."""

import json
import re

import dagster as dg
import polars as pl
import pytest

from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality import expectation_checks
from quality.check_metadata import NOTE
from quality.dashboard.pages import expectations as page
from quality.expectations import stored_results
from quality.suite_files import checked_files, read_suite, suite_files

NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "name"}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of suites, which is empty."""
    made = tmp_path / "suites"
    made.mkdir()
    monkeypatch.setenv("BUDDIES_SUITES_DIR", str(made))
    return made


def suite(*expectations: object, **more: object) -> str:
    return json.dumps({"name": "mine", "expectations": list(expectations), "meta": {}} | more)


def test_a_suite_is_read_from_json_and_yaml_in_the_form_of_both_versions(folder):
    (folder / "mpd_playlists.json").write_text(suite(NOT_NULL | {"severity": "warning"}))
    (folder / "songs.yml").write_text(
        "expectation_suite_name: old\n"
        "expectations:\n- expectation_type: expect_column_values_to_be_unique\n  kwargs: {column: song}\n"
    )
    assert [(file.asset, file.trouble) for file in suite_files()] == [("mpd_playlists", ""), ("songs", "")]
    assert read_suite(folder / "mpd_playlists.json")[0] == {**NOT_NULL, "meta": None, "severity": "warning"}
    (one,) = read_suite(folder / "songs.yml")
    assert (one["type"], one["severity"]) == ("expect_column_values_to_be_unique", "critical")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("songs.json", "{", "no JSON"),
        ("songs.yml", "a: [", "no YAML"),
        ("songs.yml", "a: 2026-13-45", "no YAML: month must be"),
        ("songs.json", "[]", "expectations: a suite is a mapping"),
        ("songs.json", suite(3), r"expectations\[0\]: an expectation is a mapping"),
        ("songs.json", suite(NOT_NULL, {"kwargs": {}}), r"expectations\[1\]\.type: None is no expectation"),
        ("songs.json", suite({**NOT_NULL, "kwargs": 3}), r"expectations\[0\]\.kwargs"),
        ("songs.json", suite({**NOT_NULL, "kwarg": {}}), r"expectations\[0\]\.kwarg: .*did you mean kwargs"),
        ("songs.json", suite({**NOT_NULL, "severity": "bad"}), r"expectations\[0\]\.severity: 'bad' is none of"),
        ("songs.json", suite(expectation=[]), "expectation: no such key .*did you mean expectations"),
        ("song.json", suite(), "no table 'song' to judge; did you mean songs"),
    ],
)
def test_a_file_that_is_no_suite_is_told_in_one_line_that_names_file_and_key(folder, file, text, told):
    (folder / file).write_text(text)
    (found,) = suite_files()
    assert str(folder / file) in found.trouble
    assert "\n" not in found.trouble
    assert re.search(told, found.trouble)


def test_a_second_file_of_an_asset_and_a_folder_that_is_not_there_are_told(folder, monkeypatch):
    (folder / "songs.json").write_text(suite())
    (folder / "songs.yaml").write_text(suite())
    assert ["has a suite already, in songs.json" in file.trouble for file in suite_files()] == [False, True]
    assert [file.path.name for file in checked_files()] == ["songs.json"]
    monkeypatch.setenv("BUDDIES_SUITES_DIR", str(folder / "nowhere"))
    assert "is no folder" in suite_files()[0].trouble


def judged(name: str, frame: pl.DataFrame, home) -> dg.AssetCheckEvaluation:
    """What the check of a suite says of a stored table, run by Dagster."""
    settings = Settings(home=str(home))
    store = DatasetStore.at(settings.home)
    if not store.has(name):
        writer = store.writer(CacheKey(name), "run-1")
        writer.commit([writer.write_shard(0, frame)])

    class Pipeline(dg.ConfigurableResource):
        @property
        def store(self) -> DatasetStore:
            return store

        @property
        def settings(self) -> Settings:
            return settings

    (check,) = [found for found in expectation_checks.build_expectation_checks() if _is_own(found)]

    @dg.asset(name=name)
    def made() -> None:
        """Stored already."""

    result = dg.materialize([made, check], resources={"pipeline": Pipeline()}, raise_on_error=True)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def _is_own(check: dg.AssetChecksDefinition) -> bool:
    return [key.name for key in check.check_keys] == [expectation_checks.OWN]


PLAYLISTS = pl.DataFrame({"pid": [1, 2, 3], "name": ["a", None, "c"]})


def test_a_suite_is_run_by_dagster_and_shown_as_the_others_are(folder, tmp_path):
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "pid"}}
    (folder / "mpd_playlists.json").write_text(suite(unique, NOT_NULL | {"severity": "warning"}))
    found = judged("mpd_playlists", PLAYLISTS, tmp_path)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    (stored,) = page._current(stored_results(tmp_path))
    assert [(one.expectation, one.column, one.holds, one.unexpected) for one in stored.expectations] == [
        ("expect_column_values_to_be_unique", "pid", True, 0),
        ("expect_column_values_to_not_be_null", "name", False, 1),
    ]
    # What is critical, as all is that a suite does not call a warning, is wrong data.
    (folder / "mpd_playlists.json").write_text(suite(NOT_NULL))
    assert judged("mpd_playlists", PLAYLISTS, tmp_path).severity == dg.AssetCheckSeverity.ERROR
    (folder / "mpd_playlists.json").write_text(suite(NOT_NULL | {"kwargs": {"column": "name", "mostly": 0.6}}))
    assert judged("mpd_playlists", PLAYLISTS, tmp_path).passed
    # A suite that is taken away is not shown any more.
    (folder / "mpd_playlists.json").unlink()
    assert page._current(stored_results(tmp_path)) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"type": "expect_wonders", "kwargs": {}},
            r"expectations\[0\]\.type: Great Expectations knows no expect_wonders",
        ),
        (NOT_NULL | {"kwargs": {"colum": "name"}}, r"expectations\[0\]\.kwargs\.colum"),
    ],
)
def test_what_great_expectations_does_not_know_fails_its_check_alone(folder, tmp_path, given, told):
    (folder / "mpd_playlists.json").write_text(suite(given))
    found = judged("mpd_playlists", PLAYLISTS, tmp_path)
    assert not found.passed
    assert str(folder / "mpd_playlists.json") in found.metadata[NOTE].value
    assert re.search(told, found.metadata[NOTE].value)


def test_definitions_load_whatever_lies_in_the_folder(folder):
    from buddies_assets.definitions import build_definitions

    (folder / "songs.json").write_text("{")
    (folder / "nothing.yml").write_text("a: 1")
    graph = build_definitions(Settings(expectations=True)).resolve_asset_graph()
    assert dg.AssetCheckKey(dg.AssetKey("songs"), expectation_checks.OWN) in graph.asset_check_keys

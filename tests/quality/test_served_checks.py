"""The checks of what is served, read from the files that the pipeline wrote; damaged files are named by them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from buddies_assets.systems.playlists.served_readers import NoDailyFileError, answers, daily_inputs, newest_version
from buddies_core.settings import Settings
from quality.check_inputs import CheckInputs
from quality.judging import judge
from quality.registry import spec_of
from quality.rules.catalogue import rules_by_asset

SERVED = ("served_model", "daily_recommendations")


def failing(asset: str, settings: Settings) -> set[str]:
    found = judge(asset, rules_by_asset()[asset], CheckInputs({}, spec_of(asset).reader.read(settings)))
    return {verdict.rule.name for verdict in found if not verdict.passed}


@pytest.fixture
def copied(tiny_world, tmp_path) -> Settings:
    """Settings of a copy of the tiny world that a test may damage."""
    settings, _ = tiny_world
    shutil.copytree(settings.local_home, tmp_path / "home", dirs_exist_ok=True)
    return settings.model_copy(update={"home": str(tmp_path / "home")})


@pytest.mark.parametrize("asset", SERVED)
def test_what_the_pipeline_serves_passes_its_checks_and_they_ran_with_it(asset, tiny_world):
    settings, result = tiny_world
    assert failing(asset, settings) == set()
    ran = {e.check_name for e in result.get_asset_check_evaluations() if e.asset_key.to_user_string() == asset}
    assert ran >= {rule.name for rule in rules_by_asset()[asset]}


def test_a_served_array_that_was_cut_short_on_disk_is_named(copied):
    path = newest_version(copied.local_home / "served_model") / "cold.npy"
    np.save(path, np.load(path)[:-1])
    assert failing("served_model", copied) == {"served_arrays_are_those_of_the_format"}


def test_a_daily_file_that_lost_its_end_is_named(copied):
    (path,) = Path(copied.home, "daily_recommendations").glob("*.ndjson")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]))
    assert failing("daily_recommendations", copied) == {"everybody_has_a_daily_list"}


def test_the_ready_made_answers_are_read_back_as_they_were_written(tiny_world):
    settings, _ = tiny_world
    served = answers(newest_version(settings.local_home / "served_model"))
    written = daily_inputs(settings)["daily_recommendations"]
    assert served["user_id"].to_list() == list(range(served.height))
    assert served.equals(written)


def test_without_a_daily_file_the_reader_says_what_to_do(tmp_path):
    with pytest.raises(NoDailyFileError, match="daily_recommendations"):
        daily_inputs(Settings(home=str(tmp_path)))

"""The example of a rule of one's own: found by its folder, run by Dagster beside the others, and it can fail."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_rule"
CODE = """
import dagster as dg, polars as pl, tempfile
from buddies_assets.io_managers import DatasetIOManager
from buddies_core.storage.datasets import DatasetStore
from quality.checks import build_asset_checks

@dg.asset
def mpd_playlists():
    return pl.DataFrame({"pid": [1, 2], "name": ["Road trip", "x" * LENGTH]})

with tempfile.TemporaryDirectory() as home:
    io = DatasetIOManager(DatasetStore.at(home).root)
    result = dg.materialize(
        [mpd_playlists, *build_asset_checks(["mpd_playlists"])], resources={"io_manager": io}, raise_on_error=False
    )
    print({c.check_name: c.passed for c in result.get_asset_check_evaluations()}["titles_are_no_longer_than_a_line"])
"""


def judged(length: int) -> str:
    """What the rule says of a table with a title of so many characters, in a process that is told of the folder."""
    environment = {**os.environ, "BUDDIES_SYSTEMS_DIR": str(EXAMPLE)}
    code = CODE.replace("LENGTH", str(length))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_a_rule_in_a_folder_of_ones_own_judges_a_dataset_of_the_graph():
    assert [judged(length) for length in (100, 101)] == ["True", "False"]


def test_the_definitions_hold_it_though_it_brings_no_asset():
    environment = {**os.environ, "BUDDIES_SYSTEMS_DIR": str(EXAMPLE)}
    code = (
        "from buddies_assets.definitions import defs\n"
        "print('titles_are_no_longer_than_a_line' in {k.name for k in defs.resolve_asset_graph().asset_check_keys})"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"

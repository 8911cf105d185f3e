"""Two versions on the page Models and on the command line: which two, what they say, and why there may be nothing."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner
from version_worlds import SONGS, World, plays_of

from buddies_assets.cli.main import app
from buddies_core.artifact.store import Challenger, publish
from buddies_core.comparison.compared import FEWEST
from buddies_core.comparison.of_home import Comparisons, Pair
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.dashboard.pages.comparison import comparison

USERS = [f"{n:040x}" for n in range(FEWEST)]
SHOWN = {"right": [10, 11, 12, 13, 14], "wrong": [50, 51, 52, 53, 54], "half": [10, 50, 51, 52, 53]}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three versions: lists of which five songs, none, and one are among what listeners play without our knowing."""
    for name, pids in SHOWN.items():
        plays, playlists = {user: set(SONGS[:3]) for user in USERS}, {n: {SONGS[n]} for n in range(60)}
        World(plays, playlists, dict.fromkeys(USERS, pids)).write(tmp_path / "served_model", name, SONGS, USERS)
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey("hidden_plays"), "run-1")
    writer.commit([writer.write_shard(0, plays_of({user: set(SONGS[10:15]) for user in USERS}))])
    return tmp_path


def on_page(home: Path, **query: str) -> Any:
    sources = SimpleNamespace(comparisons=Comparisons(Settings(home=str(home))))
    return comparison(SimpleNamespace(sources=sources, query=query))


def test_champion_and_challenger_are_compared_unless_the_url_names_others(home):
    publish(home / "served_model", "wrong", challenger=Challenger("right", 0.5))
    found = on_page(home)
    assert found.chosen == {"first": "wrong", "second": "right"}
    assert [set(names) for names in found.choose.values()] == [set(SHOWN)] * 2
    row = found.rows[0]
    assert (row["segment"], row["listeners"]) == ("everybody", FEWEST)
    assert (row["precision_first"], row["precision_second"], row["precision_verdict"]) == (0.0, 1.0, "better")
    assert (row["hits_first"], row["hits_second"]) == (0.0, 5.0)
    assert row["precision_lead"] == "+1.0000 (+1.0000 to +1.0000)"

    asked = on_page(home, first="right", second="half").rows[0]
    assert (asked["precision_first"], asked["precision_second"]) == (1.0, pytest.approx(0.2))
    assert asked["precision_verdict"] == "worse"


def test_without_a_trial_the_champion_stands_beside_what_it_followed(home):
    root = home / "served_model"
    publish(root, "right")
    assert Comparisons(Settings(home=str(home))).usual() is not None  # nothing it followed: the two newest
    (root / "previous").write_text("half")
    assert Comparisons(Settings(home=str(home))).usual() == Pair("half", "right")


@pytest.mark.parametrize("name", ["gone", "../versions/right", ""])
def test_a_version_that_is_not_stored_is_named_with_those_that_are(home, name):
    publish(home / "served_model", "right")
    found = on_page(home, first=name, second="half")
    if name:
        assert not found.rows
        assert found.empty == f"No version {name!r} is stored. There are: half, right, wrong."
    else:
        assert found.rows  # a name left out is the usual one


def test_a_home_without_versions_or_without_hidden_plays_says_what_to_do(tmp_path, home):
    assert "From the second on" in on_page(tmp_path / "nowhere").empty
    for file in (home / "datasets" / "hidden_plays").rglob("*"):
        if file.is_file():
            file.unlink()
    publish(home / "served_model", "right")
    assert "run `buddies run`" in on_page(home, first="right", second="half").empty


def test_the_command_lists_versions_and_compares_two_as_the_page_does(home, monkeypatch):
    publish(home / "served_model", "wrong", challenger=Challenger("right", 0.5))
    monkeypatch.setenv("BUDDIES_HOME", str(home))
    run = CliRunner().invoke
    listed = {one["version"]: one["role"] for one in json.loads(run(app, ["models", "--json"]).stdout)}
    assert listed == {"right": "challenger", "wrong": "champion", "half": ""}
    found = json.loads(run(app, ["models", "wrong", "half", "--json"]).stdout)
    row = next(one for one in found if (one["segment"], one["measure"]) == ("everybody", "hits"))
    assert (row["first"], row["second"], row["verdict"]) == (0.0, 1.0, "better")
    assert row["gain"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert "half against wrong" in run(app, ["models", "wrong", "half"]).stdout
    assert "Name two versions" in str(run(app, ["models", "wrong"]).exception)

"""Small runs of the whole graph at settings other than the defaults end well: no check finds wrong data.

A covering array: each setting of the offline graph stands at another value in at least one run, and those that meet
(how many negatives a block has and what trains on them, who owns and what is drawn, files cut otherwise and users left
out) do so in one. Two runs are part of `make test`, the others of `make test-all`.
"""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from running import materialise

from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

FIRST: dict[str, dict[str, Any]] = {
    "negatives": {
        "negatives": 6,
        "batch_negatives": 20,
        "ownership_cap": 7,
        "candidates": 10,
        "preset": "published",
        "shard_users": 70,
    },
    "users": {
        "user_share": 0.6,
        "match": "exact",
        "retain": "all",
        "pool_size": 40,
        "seed": 7,
        "threads": 1,
        "candidate_draw": 3,
        "positives": "likes",
    },
}
OTHERS: dict[str, dict[str, Any]] = {
    "fewest": {
        "negatives": 2,
        "batch_negatives": 1,
        "ownership_cap": 1,
        "candidates": 1,
        "pool_size": 2,
        "preset": "best",
    },
    "most": {
        "negatives": 8,
        "batch_negatives": 100,
        "ownership_cap": 1_000,
        "candidates": 300,
        "pool_size": 1_000,
        "threads": 2,
    },
    "odd negatives": {
        "negatives": 5,
        "preset": "published",
        "training_threads": 2,
        "shuffle_nearest": True,
        "seed": 3,
    },
    "torch": {"training_backend": "torch", "preset": "best", "negatives": 3, "shard_users": 1_000, "user_share": 0.5},
    "sampled": {"sample": 0.7, "negatives": 6, "batch_negatives": 20, "preset": "best", "match": "exact"},
    "toy": {"mode": "toy", "synthetic_users": 1_500, "batch_negatives": 10, "negatives": 6, "shuffle_nearest": True},
    "searched": {
        "positives": "likes",
        "search_trials": 2,
        "search_seconds": 20.0,
        "negatives": 6,
        "shard_users": 111,
        "training_threads": 2,
    },
    "strict": {
        "strict": True,
        "reuse_shards": False,
        "match": "exact",
        "ownership_cap": 3,
        "candidates": 5,
        "negatives": 2,
    },
    "reference": {
        "ranking": "reference",
        "positives": "likes",
        "lengths": "shared",
        "hidden_share": 0.2,
        "candidates": 20,
        "ownership_cap": 5,
    },
    "opinions": {"expectations": True, "negatives": 6, "ownership_cap": 20, "candidates": 30, "batch_negatives": 30},
    "window": {
        "feedback_window_days": 9,
        "feedback_phase_days": 2,
        "feedback_weight": 3.0,
        "retain": "all",
        "negatives": 4,
    },
    "published": {
        "canary_share": 0.0,
        "candidate_draw": 1,
        "user_share": 0.7,
        "preset": "published",
        "retain": "all",
    },
}
NOT_OF_THE_GRAPH = {
    # where things are, and who answers where
    *("home", "postgres_url", "ray_address", "mpd_dir", "entp_file", "msd_file", "msd_mismatches_file", "track"),
    *("dagster_port", "port", "dashboard_port", "mlflow_port", "service_url", "service_api_key", "model_store"),
    # who is told what, and who owns it
    *("alert_webhook", "alerts", "alert_digest_hours", "owners"),
    "mlflow_tracking_uri",
    "mlflow_artifacts",
    "synthetic_playlists",
}
PLACES = ("_dir", "_file", "_url", "_uri", "_artifacts")
OF_THE_LOOP = ("retrain_", "canary_", "degradation_", "automation", "schedule", "sensor_", "simulat")
"""Settings of sensors, schedules and trials: runs read none of them (but the canary's share, at publication)."""
TOO_FEW = {"there_are_likes_to_evaluate_by"}


NOT_OURS = ("raw", "search")
"""Folders of a home that others write: Ray's state of a search ends in .json and is pickled."""


def run(home: Path, **other: Any) -> None:
    """A run of the graph at these settings; everything it says must be good."""
    size = {"synthetic_users": 400, "synthetic_playlists": 1_500}
    cheap = {"search_trials": 0, "track": False, "expectations": False}
    settings = Settings(**{"home": str(home), **size, **cheap, **other}, _env_file=None)
    result = materialise(settings)
    assert result.success
    broken = {f"{c.asset_key.to_user_string()}.{c.check_name}" for c in errors(result)}
    assert broken == set()
    assert_nothing_is_nan(home, result)


def errors(result) -> list[dg.AssetCheckEvaluation]:
    """The checks that found wrong data; a warning about so small a world is none."""
    found = result.get_asset_check_evaluations()
    return [check for check in found if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR]


def assert_nothing_is_nan(home: Path, result) -> None:
    """No JSON that the run wrote and no metadata that it reported holds NaN or infinity."""

    def refuse(word: str):
        raise AssertionError(f"{word} is no JSON")

    for path in home.rglob("*.json"):
        if path.relative_to(home).parts[0] not in NOT_OURS:
            json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    from dagster._serdes import serialize_value

    for event in result.all_events:
        json.loads(serialize_value(event), parse_constant=refuse)


@pytest.mark.parametrize("name", FIRST)
def test_a_run_at_other_settings_ends_well(tmp_path, name):
    run(tmp_path / "home", **FIRST[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_combination_ends_well_too(tmp_path, name):
    run(tmp_path / "home", **OTHERS[name])


def test_every_setting_of_the_graph_stands_at_another_value_in_some_run():
    tried = {name: value for settings in (*FIRST.values(), *OTHERS.values()) for name, value in settings.items()}
    of_the_graph = {
        name
        for name in Settings.model_fields
        if name not in NOT_OF_THE_GRAPH
        and not name.endswith(PLACES)
        and (name == "canary_share" or not name.startswith(OF_THE_LOOP))
    }
    assert of_the_graph - set(tried) == set()
    every = [*FIRST.values(), *OTHERS.values()]
    for name in of_the_graph - {"expectations", "search_trials"}:
        default = Settings.model_fields[name].default
        assert any(settings.get(name, default) != default for settings in every), name


@pytest.mark.parametrize(
    ("users", "playlists"),
    # The first is nearly as large as the runs above.
    [pytest.param(300, 800, marks=pytest.mark.slow), (60, 150), (20, 60)],
)
def test_a_tiny_world_ends_well_and_says_what_it_is_too_small_for(tmp_path, users, playlists):
    home = tmp_path / "home"
    settings = Settings(home=str(home), synthetic_users=users, synthetic_playlists=playlists, _env_file=None)
    result = materialise(settings)
    assert result.success
    broken = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert errors(result) == []
    few = DatasetStore.at(str(home)).open("test_batches").manifest.rows < 30
    assert not few or broken >= TOO_FEW
    assert_nothing_is_nan(home, result)

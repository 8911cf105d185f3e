"""The whole graph on a Ray cluster with everything stored on an object store, from raw files to a served model."""

from pathlib import Path

import dagster as dg
import pytest

from buddies_assets.definitions import ASSET_MODULES, resources
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

pytestmark = [pytest.mark.ray, pytest.mark.integration]

WORLD = {
    "synthetic_users": 300,
    "synthetic_playlists": 1_000,
    "shard_users": 100,
    "candidate_draw": 0,
    "search_trials": 0,
    "track": False,
}


def run(settings: Settings) -> dict[str, str]:
    """Materialises every asset, without their checks; content of each stored dataset, by name."""
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    assets = dg.load_assets_from_modules(ASSET_MODULES, include_specs=True)
    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.materialize(
            assets,
            instance=instance,
            resources=resources(settings),
            selection=dg.AssetSelection.assets("served_model", "triplets").upstream(),
            run_config=quiet,
        )
        assert made.success
    store = DatasetStore.at(settings.home)
    return {name: store.open(name).fingerprint for name in store.names()}


def test_the_graph_makes_the_same_datasets_on_a_cluster_and_an_object_store_as_on_one_machine(
    cluster, s3_home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = run(Settings(home=str(tmp_path / "home"), **WORLD))
    made = run(Settings(home=s3_home, ray_address=cluster.address, **WORLD))
    assert len(expected) >= 20
    assert made == expected
    assert CheckpointStore.at(s3_home).latest().lineage["mode"] == "full"

"""What `buddies gc` finds, and what it must never find."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.release.channels import promote_challenger, publish_version, reject_challenger
from buddies_assets.release.garbage import garbage, remove
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.factors import Factors
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey

LATER = datetime.now(UTC) + timedelta(hours=2)


def _names(settings: Settings, assets=("songs", "splits"), now=LATER) -> set[str]:
    return {
        item.path.relative_to(Path(settings.home).absolute()).as_posix() for item in garbage(settings, assets, now=now)
    }


def _stored(store: DatasetStore, name: str, key: str) -> Path:
    writer = store.writer(CacheKey(name, key), "run")
    writer.commit([writer.write_shard(0, pl.DataFrame({"song": [1, 2]}))])
    return Path(str(writer.folder))


def _checkpoints(settings: Settings, number: int) -> None:
    store, ones = CheckpointStore.at(settings.home), np.ones((2, 4), np.float32)
    for _ in range(number):
        store.save(Factors(ones, ones), TrainingConfig(dimension=4), metrics={}, lineage={})


def test_an_unfinished_cache_key_and_a_dataset_that_no_asset_makes_are_garbage_and_what_a_manifest_names_is_not(
    tmp_path,
):
    settings = Settings(home=str(tmp_path))
    store = DatasetStore.at(settings.home)
    kept = _stored(store, "songs", "now")
    unfinished = store.writer(CacheKey("songs", "cut off"), "run")
    unfinished.write_shard(0, pl.DataFrame({"song": [1]}))
    _stored(store, "of_an_older_version", "now")
    assert _names(settings) == {
        f"datasets/songs/{unfinished.cache_key.fingerprint}",
        "datasets/of_an_older_version",
    }
    assert remove(garbage(settings, ("songs",), now=LATER)) > 0
    assert kept.exists()
    assert store.open("songs").frame()["song"].to_list() == [1, 2]
    assert garbage(settings, ("songs",), now=LATER) == []


def test_a_folder_that_was_written_within_the_hour_is_left_to_its_run(tmp_path):
    settings = Settings(home=str(tmp_path))
    DatasetStore.at(settings.home).writer(CacheKey("songs", "under way"), "run").write_shard(
        0, pl.DataFrame({"a": [1]})
    )
    _stored(DatasetStore.at(settings.home), "gone", "now")
    assert _names(settings, now=datetime.now(UTC)) == set()


def test_of_versions_and_checkpoints_those_remain_that_are_served_restorable_or_newest(served_root):
    versions = ["000001-aa-x", "000002-aa-x", "000003-aa-x", "000004-aa-x"]
    served = served_root(*versions)
    home = served.parent
    settings = Settings(home=str(home))
    _checkpoints(settings, 5)
    (home / "checkpoints" / "000006").mkdir()
    for version in versions[:2]:
        publish_version(served, version, share=0.1)
    promote_challenger(served)
    publish_version(served, versions[2], share=0.1)
    reject_challenger(served)
    publish_version(served, versions[3], share=0.1)
    for path in home.rglob("*"):
        os.utime(path, (0, 0))
    found = _names(settings, assets=(), now=datetime.now(UTC))
    assert "served_model/versions/000003-aa-x" in found
    assert not found & {f"served_model/versions/{v}" for v in (versions[0], versions[1], versions[3])}
    assert found & {f"checkpoints/{n:06d}" for n in range(1, 7)} == {"checkpoints/000003", "checkpoints/000006"}

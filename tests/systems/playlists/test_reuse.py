"""What a run of the graph makes again: code that changed, files that are damaged, and everything when it is told so."""

import importlib
import pkgutil
import shutil
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from running import QUIET, materialise

import buddies_assets.sources.steps
import buddies_assets.systems.playlists.steps
from buddies_assets.definitions import build_definitions
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.shards import ShardedStep


@pytest.fixture
def copied(tiny_world, tmp_path) -> Settings:
    """The tiny world in a home of this test's own."""
    settings, _ = tiny_world
    shutil.copytree(settings.home, tmp_path / "copy")
    return settings.model_copy(update={"home": str(tmp_path / "copy")})


def stored(settings: Settings, name: str):
    return DatasetStore.at(settings.home).open(name)


def first_file(dataset) -> Path:
    return Path(str(dataset.folder)) / dataset.manifest.shards[0].file


IN_POSTGRESQL = {"user_feedback", "listener_events"}


def test_every_asset_that_is_made_here_has_a_version_of_its_code():
    definitions = build_definitions(Settings())
    made = [spec for spec in definitions.resolve_all_asset_specs() if spec.key.to_user_string() not in IN_POSTGRESQL]
    without = {spec.key.to_user_string() for spec in made if not spec.code_version}
    assert without == set()


def test_the_version_that_dagster_shows_is_that_of_the_stored_shards():
    specs = build_definitions(Settings()).resolve_all_asset_specs()
    shown = {spec.key.to_user_string(): spec.code_version for spec in specs}
    steps = []
    for package in (buddies_assets.systems.playlists.steps, buddies_assets.sources.steps):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            steps += [value for value in vars(module).values() if isinstance(value, ShardedStep)]
    named = {step.name: step.version for step in steps if step.name in shown}
    assert len(named) >= 9
    assert named == {name: shown[name] for name in named}


@pytest.mark.parametrize("name", ["user_blocks", "test_batches", "entp_plays", "msd_songs", "mpd_tracks"])
def test_materialising_a_damaged_dataset_repairs_it(copied, name):
    before = stored(copied, name)
    file = first_file(before)
    file.write_bytes(file.read_bytes()[:100])
    assert before.damaged() == [file.name]
    assert materialise(copied, "mpd_playlists,mpd_tracks" if name == "mpd_tracks" else name).success
    after = stored(copied, name)
    assert after.damaged() == []
    assert after.fingerprint == before.fingerprint


def test_planted_rows_do_not_come_back_as_reused(copied):
    file = first_file(stored(copied, "user_blocks"))
    good = pl.read_parquet(file)
    planted = pl.concat([good, good.head(2).with_columns(positive=pl.lit(1, pl.UInt32))])
    planted.write_parquet(file)
    materialise(copied, "user_blocks")
    again = stored(copied, "user_blocks")
    assert again.manifest.extra["reused_shards"] == len(again.manifest.shards) - 1
    assert pl.read_parquet(file).equals(good)


def test_a_dataset_whose_manifest_is_damaged_is_made_again(copied):
    for name in ("candidates", "splits", "entp_plays"):
        before = stored(copied, name)
        manifest = Path(str(before.folder)).parent / "manifest.json"
        manifest.write_text(manifest.read_text()[:40])
        materialise(copied.model_copy(update={"candidate_draw": 0}), name)
        assert stored(copied, name).fingerprint == before.fingerprint, name


def test_a_run_told_not_to_reuse_makes_every_shard_again(copied):
    config = {"resources": {"pipeline": {"config": {"reuse": False}}}}
    materialise(copied, "user_blocks,entp_plays", run_config=config)
    assert stored(copied, "user_blocks").manifest.extra["reused_shards"] == 0
    assert stored(copied, "user_blocks").manifest.run_id == stored(copied, "entp_plays").manifest.run_id
    materialise(copied, "user_blocks,entp_plays")
    assert stored(copied, "user_blocks").manifest.extra["reused_shards"] == len(
        stored(copied, "user_blocks").manifest.shards
    )


def test_equal_data_have_the_same_version_in_dagster_and_changed_data_make_what_follows_stale(copied):
    from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
    from dagster._core.loader import LoadingContextForTest

    splits, blocks = dg.AssetKey("splits"), dg.AssetKey("user_blocks")
    with dg.DagsterInstance.ephemeral() as instance:

        def made(settings: Settings, *keys: dg.AssetKey) -> None:
            job = build_definitions(settings).resolve_implicit_global_asset_job_def()
            job.execute_in_process(instance=instance, run_config=QUIET, asset_selection=list(keys))

        def status() -> StaleStatus:
            graph = build_definitions(copied).resolve_asset_graph()
            return CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance)).get_status(blocks)

        made(copied, splits, blocks)
        event = instance.get_latest_materialization_event(splits)
        assert event.asset_materialization.tags["dagster/data_version"] == stored(copied, "splits").fingerprint
        assert status() == StaleStatus.FRESH
        made(copied, splits)
        assert status() == StaleStatus.FRESH
        made(copied.model_copy(update={"seed": 5}), splits)
        assert status() == StaleStatus.STALE

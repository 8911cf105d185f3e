"""Drift and Great Expectations as Dagster checks: with a history, without a database, for some assets of many."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from benchmarks.data_defects.world.stored import store_world
from buddies_core.postgres.schema import rows
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.drift_checks import DRIFT, build_drift_checks
from quality.expectation_checks import build_expectation_checks


@dataclass(frozen=True)
class Pipeline:
    """What the checks need of the pipeline's resource."""

    settings: Settings
    store: DatasetStore


def run(home: Path, store: DatasetStore, checks: list[dg.AssetChecksDefinition], url: str | None, instance):
    names = [
        "user_blocks",
        "songs",
        "ranked_candidates",
        "msd_songs",
        "splits",
        "user_library",
        "playlist_library",
        "user_feedback",
    ]
    settings = Settings(home=str(home), postgres_url=url)
    defs = dg.Definitions(
        assets=[dg.AssetSpec(name) for name in names],
        asset_checks=checks,
        resources={"pipeline": dg.ResourceDefinition.hardcoded_resource(Pipeline(settings, store))},
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())],
    )
    result = defs.resolve_job_def("checks").execute_in_process(instance=instance)
    return {e.asset_key.to_user_string(): e for e in result.get_asset_check_evaluations()}


def report_rows(instance: dg.DagsterInstance, asset: str, count: int) -> None:
    metadata = {"dagster/row_count": dg.MetadataValue.int(count)}
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata=metadata))


def test_a_dataset_that_shrank_has_drifted_and_the_others_have_not(world, tmp_path, postgres_url):
    store = store_world(world, tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        for songs in (300, 310, 305, 90):
            report_rows(instance, "songs", songs)
        for blocks in (1500, 1490):
            report_rows(instance, "user_blocks", blocks)
        found = run(tmp_path, store, [build_drift_checks(["songs", "user_blocks"])], postgres_url, instance)
    assert {asset: e.passed for asset, e in found.items()} == {"songs": False, "user_blocks": True}
    assert found["songs"].metadata["value"].value == 90 / 305
    assert found["songs"].severity == dg.AssetCheckSeverity.WARN


def test_another_distribution_in_a_new_version_is_seen(history, world, tmp_path, postgres_url):
    store = store_world(world, tmp_path)
    checks = [build_drift_checks(["user_blocks"])]
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(tmp_path, store, checks, postgres_url, instance)["user_blocks"].passed
        blocks = world["user_blocks"]
        writer = store.writer(CacheKey("user_blocks", params={"version": 2}), "run-2")
        writer.commit([writer.write_shard(0, blocks.unique("user", keep="first", maintain_order=True))])
        assert not run(tmp_path, store, checks, postgres_url, instance)["user_blocks"].passed
    kept = rows(history, "SELECT count(*) AS n FROM quality.statistics WHERE asset = 'user_blocks'")
    assert kept == [{"n": 2}]


def test_lists_that_turned_to_the_popular_have_drifted(world, tmp_path, postgres_url):
    store = store_world(world, tmp_path)
    checks = [build_drift_checks(["ranked_candidates"])]
    likers = dict(world["playlist_ownership"].select("playlist", "likers").iter_rows())
    with dg.DagsterInstance.ephemeral() as instance:
        for version, popular in enumerate((False, False, True)):
            rng, rows = np.random.default_rng(version), []
            for user, held in world["candidates"].iter_rows():
                ordered = sorted(held, key=lambda p: -likers.get(p, 0)) if popular else rng.permutation(held).tolist()
                rows.append({"user": user, "playlists": ordered, "scores": [0.0] * len(ordered)})
            writer = store.writer(CacheKey("ranked_candidates", params={"version": version}), f"run-{version}")
            writer.commit([writer.write_shard(0, pl.DataFrame(rows, schema=world["ranked_candidates"].schema))])
            found = run(tmp_path, store, checks, postgres_url, instance)["ranked_candidates"]
            assert found.passed is not popular
    measures = {record.data["measure"] for record in found.metadata["sample"].records}
    assert measures >= {"recommended_popularity", "times_shown"}
    assert "popularity" in found.description


def test_a_column_that_lost_its_values_has_drifted(world, tmp_path, postgres_url):
    store = store_world(world, tmp_path)
    checks = [build_drift_checks(["msd_songs"])]
    year = pl.col("year")
    with dg.DagsterInstance.ephemeral() as instance:
        for version, share in enumerate((0.0, 0.03, 0.30)):
            lost = pl.int_range(pl.len()) < share * pl.len()
            frame = world["msd_songs"].with_columns(pl.when(lost).then(None).otherwise(year).alias("year"))
            writer = store.writer(CacheKey("msd_songs", params={"version": version}), f"run-{version}")
            writer.commit([writer.write_shard(0, frame)])
            found = run(tmp_path, store, checks, postgres_url, instance)["msd_songs"]
            assert found.passed is (share < 0.05)
    assert found.metadata["value"].value == pytest.approx(0.30 - 0.015, abs=0.005)
    assert found.metadata["high"].value == 0.05


def test_without_a_database_there_is_nothing_to_compare_with(world, tmp_path):
    store = store_world(world, tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        found = run(tmp_path, store, [build_drift_checks(["songs"])], None, instance)
    assert found["songs"].passed
    assert "no database" in found["songs"].metadata["note"].value


def test_great_expectations_are_a_check_of_blocks_and_of_feedback():
    keys = [spec.key for checks in build_expectation_checks() for spec in checks.check_specs]
    assert [key.asset_key.to_user_string() for key in keys] == ["user_blocks", "user_feedback"]
    assert {key.name for key in keys} != {DRIFT}

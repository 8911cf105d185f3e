"""The rules as Dagster checks: one step an asset, evidence in the metadata, large data judged in ranges of users."""

from typing import Any

import dagster as dg
import polars as pl
import pytest
from stored_world import store_world

from buddies_assets.datasets import Recipe
from buddies_assets.definitions import build_definitions
from buddies_assets.io_managers import DatasetIOManager
from buddies_assets.settings import Settings
from buddies_assets.shards import ShardBuilder, ShardedStep, ThreadRunner
from quality import evidence
from quality.checks import build_asset_checks, judge
from quality.drift_checks import DRIFT
from quality.evidence import Evidence
from quality.readers import READERS
from quality.rules.catalogue import rules_by_asset

STORED = [a for a in rules_by_asset() if a not in {*READERS, "training_window"}]


def run_checks(store, assets: list[str]) -> dg.ExecuteInProcessResult:
    specs = [dg.AssetSpec(name) for name in STORED]
    defs = dg.Definitions(
        assets=specs,
        asset_checks=build_asset_checks(assets),
        resources={"io_manager": DatasetIOManager(store.root)},
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())],
    )
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("checks").execute_in_process(instance=instance, raise_on_error=False)


def test_all_checks_of_a_stored_world_pass_in_one_step_an_asset(world, tmp_path):
    result = run_checks(store_world(world, tmp_path), STORED)
    found = result.get_asset_check_evaluations()
    assert [f"{e.asset_key.to_user_string()}.{e.check_name}" for e in found if not e.passed] == []
    assert len(found) == sum(len(rules_by_asset()[asset]) for asset in STORED)
    assert len({event.step_key for event in result.all_node_events}) == len(STORED)


def test_a_failed_check_carries_its_evidence(world, tmp_path):
    blocks = world["user_blocks"]
    spoiled = {**world, "user_blocks": pl.concat([blocks, blocks[:1]])}
    result = run_checks(store_world(spoiled, tmp_path), ["user_blocks"])
    failed = {e.check_name: e for e in result.get_asset_check_evaluations() if not e.passed}
    evaluation = failed["one_block_per_positive"]
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    facts: dict[str, Any] = {name: entry.value for name, entry in evaluation.metadata.items() if name != "sample"}
    assert (facts["offending"], facts["looked at"], facts["value"], facts["high"]) == (1, blocks.height + 1, 1.0, 0.0)
    sample = evaluation.metadata["sample"]
    assert isinstance(sample, dg.TableMetadataValue)
    assert sample.records[0].data["user"] == blocks["user"][0]


def test_every_asset_that_is_made_has_a_schema_and_a_named_check():
    graph = build_definitions(Settings()).resolve_asset_graph()
    checks: dict[str, set[str]] = {key.to_user_string(): set() for key in graph.get_all_asset_keys()}
    for key in graph.asset_check_keys:
        checks[key.asset_key.to_user_string()].add(key.name)
    by_rules_alone = {"user_library", "playlist_library", "bpr_checkpoint", "user_feedback"}
    assert {asset for asset, names in checks.items() if not names - {"matches_its_schema", DRIFT}} == set()
    assert {asset for asset, names in checks.items() if "matches_its_schema" not in names} == by_rules_alone


def test_blocking_rules_hold_back_what_comes_after():
    specs = {s.name: s for d in build_asset_checks(["user_blocks"]) for s in d.check_specs}
    assert specs["negatives_are_not_liked"].blocking
    assert not specs["no_user_dominates_the_blocks"].blocking
    assert specs["negatives_are_not_liked"].description.startswith("No negative is a playlist")


def test_a_large_dataset_is_judged_in_ranges_with_the_same_verdicts(world, tmp_path, monkeypatch):
    store = store_world(world, tmp_path)
    ranges = [range(0, 90), range(90, 240)]
    builder = ShardBuilder(store, ThreadRunner(1), "run")
    for name in ("user_blocks", "splits"):
        step = ShardedStep(name, lambda inputs, params, name=name: world[name], _rows_of)
        builder.build(step, {}, {}, ranges)
    handles = {name: store.open(name) for name in store.names()}
    rules = rules_by_asset()["user_blocks"]
    whole = {v.rule.name: v.finding for v in judge("user_blocks", rules, Evidence(handles))}
    monkeypatch.setattr(evidence, "ROWS_AT_ONCE", 1)
    parts = {v.rule.name: v.finding for v in judge("user_blocks", rules, Evidence(handles))}
    assert {n for n, f in parts.items() if not f.passed} == {n for n, f in whole.items() if not f.passed} == set()
    assert {n: f.total for n, f in parts.items()} == {n: f.total for n, f in whole.items()}


def _rows_of(frame: pl.DataFrame, users: range) -> pl.DataFrame:
    return frame.filter(pl.col("user").is_between(users.start, users.stop, closed="left"))


def test_definitions_of_checks_import_nothing_heavy():
    import subprocess
    import sys

    heavy = ("pandera", "great_expectations", "scipy", "altair", "pandas", "torch")
    code = (
        "import sys; from quality.checks import build_asset_checks, checked_assets;"
        f"build_asset_checks(checked_assets()); print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("asset", ["scores", "user_blocks", "user_feedback", "bpr_checkpoint"])
def test_assets_that_feed_a_model_have_blocking_rules(asset):
    assert any(rule.blocking for rule in rules_by_asset()[asset])


def test_a_dataset_made_of_older_inputs_is_stale(world, tmp_path):
    store = store_world(world, tmp_path)
    now = store.open("user_library").fingerprint
    rule = next(r for r in rules_by_asset()["scores"] if r.name == "is_made_of_what_is_stored_now")
    for fingerprint, offending in ((now, 0), ("0" * 16, 1)):
        writer = store.writer(Recipe("scores", inputs={"user_library": fingerprint, "a file": "12:34"}), "run")
        made = writer.commit([writer.write_shard(0, world["scores"])])
        finding = rule.judge(Evidence({"scores": made})).finding
        assert (finding.offending, finding.total) == (offending, 2)

"""The rules as Dagster checks: one step an asset, evidence in the metadata, large data judged in ranges of users."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

from benchmarks.data_defects.bench import DEFECTS
from benchmarks.data_defects.world.stored import store_world
from buddies_assets.automation.loop_jobs import OTHERS
from buddies_assets.definitions import build_definitions
from buddies_assets.io_managers import DatasetIOManager
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from buddies_core.storage.shards import ShardBuilder, ShardedStep, ThreadRunner
from quality import pieces
from quality.check_inputs import CheckInputs
from quality.checks import build_asset_checks
from quality.column_schemas import COLUMN_SCHEMA
from quality.drift_checks import DRIFT
from quality.judging import judge
from quality.registry import dataset_specs, spec_of
from quality.rules.catalogue import rules_by_asset
from quality.rules.proofs import PROVEN, proven
from quality.rules.verdict import Finding

STORED = [a for a in rules_by_asset() if not spec_of(a).reader and a != "training_window"]


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
    # The other systems bring checks of their own, in their own tests.
    keys = [key for key in graph.get_all_asset_keys() if graph.get(key).group_name not in OTHERS]
    checks: dict[str, set[str]] = {key.to_user_string(): set() for key in keys}
    for key in graph.asset_check_keys:
        if key.asset_key in keys:
            checks[key.asset_key.to_user_string()].add(key.name)
    by_rules_alone = {"user_library", "playlist_library", "bpr_checkpoint", "user_feedback", "listener_events"}
    assert {asset for asset, names in checks.items() if not names - {"matches_its_schema", DRIFT}} == set()
    assert {asset for asset, names in checks.items() if "matches_its_schema" not in names} == by_rules_alone


def test_dagster_shows_the_columns_that_the_schema_check_holds():
    graph = build_definitions(Settings()).resolve_asset_graph()
    shown = graph.get(dg.AssetKey("user_blocks")).metadata[COLUMN_SCHEMA]
    assert [column.name for column in shown.columns] == list(spec_of("user_blocks").schema.fields)
    user = shown.columns[0]
    assert (user.type, user.description, user.constraints.nullable) == ("UInt32", "row of users", False)
    assets = {key.to_user_string(): graph.get(key).metadata for key in graph.get_all_asset_keys()}
    assert {name for name, metadata in assets.items() if COLUMN_SCHEMA in metadata} == {
        name for name, spec in dataset_specs().items() if spec.schema
    }


def test_blocking_rules_hold_back_what_comes_after():
    specs = {s.name: s for d in build_asset_checks(["user_blocks"]) for s in d.check_specs}
    assert specs["negatives_are_not_liked"].blocking
    assert not specs["no_user_dominates_the_blocks"].blocking
    assert specs["negatives_are_not_liked"].description.startswith("No negative is a playlist")


def test_a_large_dataset_is_judged_in_ranges_with_the_same_verdicts(world, tmp_path, monkeypatch):
    store = in_ranges(world, tmp_path)
    whole, parts = judged_both_ways(store, "user_blocks", monkeypatch)
    assert {n for n, f in parts.items() if not f.passed} == {n for n, f in whole.items() if not f.passed} == set()
    assert {n: f.total for n, f in parts.items()} == {n: f.total for n, f in whole.items()}


def test_rows_outside_the_users_of_their_shard_are_not_overlooked(world, tmp_path, monkeypatch):
    store = in_ranges(world, tmp_path)
    writer = store.writer(CacheKey("user_blocks", params={"spoiled": True}), "run")
    blocks = world["user_blocks"]
    shards = [writer.write_shard(0, pl.concat([_rows_of(blocks, range(0, 90)), blocks[-1:]]))]
    shards.append(writer.write_shard(1, _rows_of(blocks, range(90, 240))))
    writer.commit(shards, extra={"starts": [0, 90]})
    _, parts = judged_both_ways(store, "user_blocks", monkeypatch)
    assert {name for name, finding in parts.items() if not finding.passed} == {"matches_its_schema"}


@pytest.mark.parametrize("defect", [None, "twice", "lost", "contradiction", "sorted", "unknown"])
def test_shuffled_triplets_are_judged_in_ranges_with_the_same_verdicts(defect, world, tmp_path, monkeypatch):
    store, triplets = in_ranges(world, tmp_path), world["triplets"]
    liked = triplets.group_by("user").agg(pl.col("positive").unique().sort()).filter(pl.col("positive").list.len() > 1)
    user, (one, other, *_) = liked.sort("user").row(0)
    added = {
        # Far from the first of its kind: in another shard.
        "twice": triplets[:1],
        "contradiction": pl.DataFrame([(user, one, other)], schema=triplets.schema, orient="row"),
        "unknown": pl.DataFrame([(user, one, 4_000_000)], schema=triplets.schema, orient="row"),
    }
    changed = {"lost": triplets[1:], "sorted": triplets.sort("user", "positive", "negative")}
    spoiled = pl.concat([triplets, added[defect]]) if defect in added else changed.get(defect, triplets)
    writer = store.writer(CacheKey("triplets", params={"defect": defect}), "run")
    third = -(-spoiled.height // 3)
    writer.commit([writer.write_shard(n, spoiled[n * third : (n + 1) * third]) for n in range(3)])
    whole, parts = judged_both_ways(store, "triplets", monkeypatch)
    failing = {name for name, finding in whole.items() if not finding.passed}
    assert {name for name, finding in parts.items() if not finding.passed} == failing
    assert bool(failing) is (defect is not None)
    counted = {name for name, finding in whole.items() if finding.counts_rows}
    assert {n: parts[n].offending for n in counted} == {n: whole[n].offending for n in counted}
    for name in ("triplets_are_unique", "triplet_sides_differ"):
        assert parts[name].total == whole[name].total == spoiled.height


def test_ranges_of_a_shuffled_dataset_hold_no_more_rows_than_asked(world, tmp_path):
    dataset = in_ranges(world, tmp_path).open("triplets")
    rows = world["triplets"].group_by("user").len("n")
    ranges = pieces.ranges_of_rows(dataset, 100)
    held = [rows.filter(pl.col("user").is_between(r.start, r.stop - 1))["n"].sum() for r in ranges]
    assert sum(held) == world["triplets"].height
    assert len(ranges) > 5
    assert max(held) <= max(100, rows["n"].max())


def in_ranges(world, folder) -> DatasetStore:
    """The world stored, its blocks and splits in two ranges of users."""
    store = store_world(world, folder)
    builder = ShardBuilder(store, ThreadRunner(1), "run")
    for name in ("user_blocks", "splits"):
        step = ShardedStep(name, lambda inputs, params, name=name: world[name], _rows_of)
        builder.build(step, {}, {}, [range(0, 90), range(90, 240)])
    return store


def judged_both_ways(store: DatasetStore, asset: str, monkeypatch) -> tuple[dict[str, Finding], dict[str, Finding]]:
    """Findings by rule: of the dataset judged at once, and in ranges of users."""
    handles, rules = {name: store.open(name) for name in store.names()}, rules_by_asset()[asset]
    whole = {v.rule.name: v.finding for v in judge(asset, rules, CheckInputs(handles))}
    monkeypatch.setattr(pieces, "BYTES_AT_ONCE", 2_000)
    return whole, {v.rule.name: v.finding for v in judge(asset, rules, CheckInputs(handles))}


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
        writer = store.writer(CacheKey("scores", inputs={"user_library": fingerprint, "a file": "12:34"}), "run")
        made = writer.commit([writer.write_shard(0, world["scores"])])
        finding = rule.judge(CheckInputs({"scores": made})).finding
        assert (finding.offending, finding.total) == (offending, 2)


def test_triplets_are_proven_by_their_blocks_and_by_no_others(world, tmp_path):
    store = store_world(world, tmp_path)
    bounds = {"n_users": world["n_users"], "n_playlists": world["n_playlists"]}
    blocks, triplets = store.open("user_blocks"), store.open("triplets")
    held = proven("triplets", {"triplets": triplets, "user_blocks": blocks}, bounds)
    assert set(held) == set(PROVEN)
    for defect in (d for d in DEFECTS if d.asset == "triplets" and d.caught_by != "triplets.triplets_are_shuffled"):
        spoiled = defect.plant(world)["triplets"]
        writer = store.writer(CacheKey("triplets", params={"defect": defect.name}), "run")
        writer.commit([writer.write_shard(0, spoiled)])
        assert proven("triplets", {"triplets": store.open("triplets"), "user_blocks": blocks}, bounds) == {}
    assert proven("triplets", {"triplets": triplets, "user_blocks": blocks}, bounds | {"n_users": 5}) == {}

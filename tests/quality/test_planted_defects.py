"""Every rule with a planted defect, driven through Dagster into the history: what the dashboard says is asserted.

The bench tries each rule alone; here its verdict goes the whole way, so that a rule whose evidence cannot be written
down (a sample with a column that Dagster cannot hold) is seen to crash.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import dagster as dg
import polars as pl
import psycopg2

from benchmarks.data_defects.bench import DEFECTS, planted
from quality.checks import as_result, sample_table
from quality.diagnosis import judge
from quality.health import CheckHealth, State
from quality.history import standing
from quality.history.sync import sync
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import Rule, Verdict

RULES = {f"{rule.asset}.{rule.name}": rule for rules in rules_by_asset().values() for rule in rules}


def test_every_rule_has_a_planted_defect_that_it_must_name():
    assert sorted({*RULES} - {defect.caught_by for defect in DEFECTS}) == []


def checks_of(asset: str, verdicts: Sequence[Verdict]) -> dg.AssetChecksDefinition:
    """A step that reports the verdicts on one asset, as its checks do."""

    @dg.multi_asset_check(name=asset, specs=[dg.AssetCheckSpec(v.rule.name, asset=asset) for v in verdicts])
    def checks() -> Iterator[dg.AssetCheckResult]:
        for verdict in verdicts:
            yield as_result(verdict)

    return checks


def reported(
    instance: dg.DagsterInstance, history: "psycopg2.extensions.connection", verdicts: Sequence[Verdict]
) -> dict[str, CheckHealth]:
    """Where every check stands once a run has reported the verdicts, by `asset.rule`."""
    by_asset: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_asset[verdict.rule.asset].append(verdict)
    defs = dg.Definitions(
        assets=[dg.AssetSpec(asset) for asset in by_asset],
        asset_checks=[checks_of(asset, found) for asset, found in by_asset.items()],
        jobs=[dg.define_asset_job("all_checks", selection=dg.AssetSelection.all_asset_checks())],
        executor=dg.in_process_executor,
    )
    defs.resolve_job_def("all_checks").execute_in_process(instance=instance, raise_on_error=False)
    sync(instance, history)
    report = judge({}, standing.checks(history), standing.attempts(history), {}, datetime.now(UTC))
    return {f"{check.asset}.{check.name}": check for check in report.checks}


def expected(rule: Rule) -> State:
    """How a check stands whose rule found something."""
    return State.WARN if rule.severity == "warn" else State.FAIL


def numbered(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts, those on a rule that was already named under a name of their own: a check has one result a run."""
    seen: dict[str, int] = defaultdict(int)
    found = []
    for verdict in verdicts:
        named = f"{verdict.rule.asset}.{verdict.rule.name}"
        again = f"{verdict.rule.name}__{seen[named]}" if seen[named] else verdict.rule.name
        found.append(replace(verdict, rule=replace(verdict.rule, name=again)))
        seen[named] += 1
    return found


def test_every_planted_defect_reaches_the_dashboard_and_its_repair_clears_it(world, history):
    rules = [RULES[defect.caught_by] for defect in DEFECTS]
    spoiled = numbered([rule.judge(planted(d, world)[0]) for rule, d in zip(rules, DEFECTS, strict=True)])
    sound = numbered([rule.judge(world) for rule in rules])
    with dg.DagsterInstance.ephemeral() as instance:
        found = reported(instance, history, spoiled)
        told = {f"{v.rule.asset}.{v.rule.name}": expected(v.rule) for v in spoiled}
        assert {name: check.state for name, check in found.items()} == told
        repaired = reported(instance, history, sound)
    assert {name: check.label for name, check in repaired.items() if check.state is not State.OK} == {}
    assert {*repaired} == {*told}


def test_a_sample_may_hold_columns_of_any_type():
    frame = pl.DataFrame(
        {
            "duration": [timedelta(seconds=3), None],
            "struct": [{"x": 1}, None],
            "binary": [b"\xff", None],
            "list": [[1, 2], None],
            "decimal": [Decimal("1.5"), None],
            "time": [datetime(2026, 1, 1, tzinfo=UTC), None],
            "null": [None, None],
            "float": [float("inf"), float("nan")],
            "array": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int64, 2)),
            "enum": pl.Series(["a", None], dtype=pl.Enum(["a"])),
            "text": ["b", None],
            "truth": [True, None],
        }
    )
    first, second = (dict(record.data) for record in sample_table(frame).records)
    assert first == {
        **{"duration": "0:00:03", "struct": "{'x': 1}", "binary": "b'\\xff'", "list": "1, 2", "decimal": "1.5"},
        **{"time": "2026-01-01 00:00:00+00:00", "null": None, "float": "inf", "array": "1, 2", "enum": "a"},
        **{"text": "b", "truth": True},
    }
    assert set(second.values()) == {None}

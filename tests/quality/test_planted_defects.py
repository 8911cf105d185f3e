"""Every planted defect, driven through Dagster into the history: what the dashboard says of it is asserted.

The bench tries each rule alone; here its verdict goes the whole way, so that a rule whose evidence cannot be written
down (a sample with a column that Dagster cannot hold) is seen to crash.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import dagster as dg
import polars as pl
import psycopg2

from benchmarks.data_defects.bench import DEFECTS, judged
from quality.checks import as_result, sample_table
from quality.health import CheckHealth, State, judge
from quality.history import standing
from quality.history.sync import sync
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import Verdict

RULES = [rule for rules in rules_by_asset().values() for rule in rules]
WARNINGS = {f"{rule.asset}.{rule.name}" for rule in RULES if rule.severity == "warn"}


def step_of(number: int, verdicts: Sequence[Verdict]) -> dg.AssetChecksDefinition:
    """A step that reports verdicts as the checks do, on an asset of the defect's own."""
    asset = f"defect_{number}"
    named = [replace(v, rule=replace(v.rule, asset=asset, name=f"{v.rule.asset}__{v.rule.name}")) for v in verdicts]

    @dg.multi_asset_check(name=asset, specs=[dg.AssetCheckSpec(v.rule.name, asset=asset) for v in named])
    def checks() -> Iterator[dg.AssetCheckResult]:
        for verdict in named:
            yield as_result(verdict)

    return checks


def reported(
    instance: dg.DagsterInstance, history: "psycopg2.extensions.connection", verdicts: Sequence[Sequence[Verdict]]
) -> dict[tuple[str, str], CheckHealth]:
    """Where every check stands once a run has reported the verdicts on each defect."""
    defs = dg.Definitions(
        assets=[dg.AssetSpec(f"defect_{number}") for number in range(len(verdicts))],
        asset_checks=[step_of(number, found) for number, found in enumerate(verdicts)],
        jobs=[dg.define_asset_job("all_checks", selection=dg.AssetSelection.all_asset_checks())],
        executor=dg.in_process_executor,
    )
    defs.resolve_job_def("all_checks").execute_in_process(instance=instance, raise_on_error=False)
    sync(instance, history)
    report = judge({}, standing.checks(history), standing.attempts(history), {}, datetime.now(UTC))
    return {(check.asset, check.name): check for check in report.checks}


def worth_a_step(verdicts: Sequence[Verdict], caught_by: str) -> list[Verdict]:
    """The verdict that must name the defect, and every other that failed: a pass has no evidence to write down."""
    return [v for v in verdicts if not v.passed or f"{v.rule.asset}.{v.rule.name}" == caught_by]


def test_every_planted_defect_reaches_the_dashboard_and_its_repair_clears_it(world, history):
    spoiled = [worth_a_step(judged(defect, world), defect.caught_by) for defect in DEFECTS]
    with dg.DagsterInstance.ephemeral() as instance:
        found = reported(instance, history, spoiled)
        assert {key: c.reason for key, c in found.items() if c.state in (State.ERRORED, State.DID_NOT_RUN)} == {}
        missed = []
        for number, defect in enumerate(DEFECTS):
            check = found[f"defect_{number}", defect.caught_by.replace(".", "__")]
            if check.state is not (State.WARN if defect.caught_by in WARNINGS else State.FAIL):
                missed.append((defect.name, check.label))
        assert missed == []
        sound = [[replace(v, finding=v.rule.judge(world).finding) for v in verdicts] for verdicts in spoiled]
        repaired = reported(instance, history, sound)
    assert {key: check.label for key, check in repaired.items() if check.state is not State.OK} == {}


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

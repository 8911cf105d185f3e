"""Reports of the benchmarks: their shape, not their speed."""

import importlib.util
import json

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.measure import Contender, Report, Row, side_by_side


def test_contenders_take_turns_and_the_rate_is_their_amount_a_second():
    turns: list[str] = []
    report = Report("example")
    contenders = [Contender(name, lambda name=name: turns.append(name), amount=10.0) for name in ("ours", "theirs")]
    rows = side_by_side(report, "step", "things", contenders, rounds=3)
    assert turns == ["ours", "theirs"] * 3
    assert report.rows == rows and all(row.rate == pytest.approx(10.0 / row.seconds) for row in rows)


def test_a_report_names_what_was_measured_where_and_how_it_compares():
    report = Report("example", [Row("step", "ours", 2, 0.5, 20.0, "things", 3.0, 0.9)], {"ours_vs_theirs": 4.0})
    written = json.loads(report.to_json())
    assert {"benchmark", "revision", "machine", "rows", "ratios"} <= set(written)
    assert written["rows"] == [
        {
            "step": "step",
            "system": "ours",
            "threads": 2,
            "seconds": 0.5,
            "rate": 20.0,
            "unit": "things",
            "peak_mib": 3.0,
            "cpu_seconds": 0.9,
        }
    ]
    assert "ours_vs_theirs = 4" in report.to_text()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_registered_benchmark_can_be_found_and_run(name):
    assert importlib.util.find_spec(BENCHMARKS[name]) is not None

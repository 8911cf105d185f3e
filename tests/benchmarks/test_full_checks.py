"""The last row of the full benchmark: every rule on what was made, against the seconds that are aimed at."""

from pathlib import Path

import pytest

from benchmarks import checks, full
from benchmarks.checks import CheckReport, CheckRow


def test_the_checks_are_one_row_with_the_ratio_of_the_aim_and_what_is_broken(monkeypatch, tmp_path):
    def judged(scale: str, home: Path) -> CheckReport:
        report = CheckReport("checks", notes=["skipped a: not stored", "BROKEN b.rule"])
        for seconds, peak, rows in ((100.0, 900.0, 10), (20.0, 1_500.0, 30)):
            row = {"seconds": seconds, "rate": 1.0, "unit": "row", "peak_mib": peak, "rows": rows}
            report.add(CheckRow("asset", "rules", 2, cpu_seconds=seconds * 2, **row))
        return report

    monkeypatch.setattr(checks, "run", judged)
    report = full.StepReport("full")
    full._add_checks(report, "tenth", tmp_path)
    (row,) = report.rows
    assert (row.step, row.seconds, row.cpu_seconds, row.peak_mib, row.rows) == ("checks", 120.0, 240.0, 1_500.0, 40)
    assert report.ratios == {"checks_aim_over_ours": pytest.approx(2.0)}
    assert report.notes == ["BROKEN b.rule"]
    assert "checks" in report.to_text()


def test_an_asset_is_judged_with_its_seconds_of_a_processor(tmp_path):
    from benchmarks.data_defects.world.clean import clean_world
    from benchmarks.data_defects.world.stored import store_world

    world = clean_world(1)
    store_world(world, tmp_path)
    row = checks.judged("splits", str(tmp_path))
    assert isinstance(row, CheckRow)
    assert (row.rows, row.failures) == (world["splits"].height, ())
    assert row.cpu_seconds is not None
    assert row.cpu_seconds >= 0

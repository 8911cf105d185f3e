"""A report beside an older one: a ratio that fell is a failure, a time that rose is not."""

from benchmarks.compare import compared


def report(seconds: float, **ratios: float) -> dict:
    """A report of one row."""
    row = {"step": "scores", "system": "buddies", "threads": 2, "seconds": seconds}
    return {"revision": f"r{seconds:g}", "rows": [row], "ratios": ratios}


def test_a_ratio_that_fell_by_half_is_named() -> None:
    text, worse = compared(report(1, scores_vs_twin=3.0), report(1, scores_vs_twin=6.0))
    assert worse == ["scores_vs_twin"]
    assert "0.50" in text


def test_a_slower_run_and_a_ratio_a_third_lower_are_told_and_are_no_failure() -> None:
    text, worse = compared(report(4, scores_vs_twin=4.0), report(1, scores_vs_twin=6.0))
    assert worse == []
    assert "4.00" in text and "0.25" in text and "r1" in text


def test_hours_of_another_machine_are_no_failure() -> None:
    assert compared(report(1, reference_hours_over_ours=1.0), report(1, reference_hours_over_ours=90.0))[1] == []


def test_a_step_or_ratio_that_only_one_report_has_is_left_out() -> None:
    old = report(1, gone=1.0)
    old["rows"][0]["step"] = "pairing"
    text, worse = compared(report(1, fresh=1.0), old)
    assert worse == [] and "pairing" not in text and "fresh" not in text

"""Exponents fitted over reports of several sizes."""

import math

import pytest

from benchmarks.growth import exponent, growth


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_that_power(power: float) -> None:
    assert exponent([1, 3, 10], [7 * size**power for size in (1, 3, 10)]) == pytest.approx(power)


def test_one_size_has_no_exponent() -> None:
    assert math.isnan(exponent([3, 3], [1, 2]))


def report(users: int, seconds: float, work: float) -> dict:
    """A report of one step."""
    row = {"step": "scores", "cpu_seconds": seconds, "work": work}
    return {"rows": [row], "notes": [f"{users:,} users, 10 playlists"]}


def test_a_step_is_fitted_by_users_and_by_its_work_and_points_that_are_noise_are_left_out() -> None:
    reports = [report(10, 0.01, 1), report(1_000, 1.0, 100), report(10_000, 100.0, 10_000)]
    ((step, seconds, by_users, by_work, unit),) = growth(reports)
    assert (step, seconds) == ("scores", [0.01, 1.0, 100.0])
    assert by_users == pytest.approx(2.0)
    assert by_work == pytest.approx(1.0)
    assert unit == pytest.approx(0.01)

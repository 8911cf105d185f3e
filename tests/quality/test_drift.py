"""Drift: zero for equal samples, by hand on two bins, and silent about what chance alone does."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from quality import drift
from quality.drift_watch import observe, watch
from quality.history.records import Materialisation
from quality.history.writer import write_materialisations


def test_equal_samples_have_not_drifted():
    sample = np.random.default_rng(1).normal(size=400)
    for method in drift.METHODS.values():
        finding = method(sample, sample)
        assert finding.value == pytest.approx(0.0)
        assert finding.passed


def test_psi_of_a_moved_share_is_that_worked_out_by_hand():
    reference = np.repeat([0.0, 1.0], [500, 500])
    current = np.repeat([0.0, 1.0], [800, 200])
    # The reference's deciles are 0 and 1 alone, so the bins are below 0 (none), [0, 1) and from 1 on.
    expected = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert drift.population_stability(current, reference).value == pytest.approx(expected, abs=1e-3)


def test_kolmogorov_smirnov_is_the_largest_gap_of_the_distribution_functions():
    reference, current = np.arange(100.0), np.arange(100.0) + 30
    finding = drift.kolmogorov_smirnov(current, reference)
    assert finding.value == pytest.approx(0.30)
    assert not drift.kolmogorov_smirnov(np.arange(100.0) + 80, reference).passed


@pytest.mark.parametrize("method", list(drift.METHODS))
def test_two_draws_of_one_distribution_raise_no_alarm(method):
    rng = np.random.default_rng(7)
    for _ in range(20):
        assert drift.METHODS[method](rng.beta(1.3, 3.3, 120), rng.beta(1.3, 3.3, 150)).passed


@pytest.mark.parametrize("method", list(drift.METHODS))
def test_another_distribution_is_an_alarm(method):
    rng = np.random.default_rng(7)
    assert not drift.METHODS[method](rng.uniform(size=500), rng.beta(1.3, 3.3, 500)).passed


@pytest.mark.parametrize(("now", "passed"), [(100, True), (49, False), (201, False)])
def test_volume_is_judged_against_the_median_before(now, passed):
    assert drift.volume(now, [100, 90, 110]).passed is passed


def test_a_first_version_has_nothing_to_drift_from():
    assert drift.volume(5, []).passed


def test_a_halved_dataset_is_seen_in_the_history(history):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    counts = [1000, 1010, 990, 400]
    made = [
        Materialisation(start + timedelta(days=day), "songs", f"run-{day}", row_count=count)
        for day, count in enumerate(counts)
    ]
    write_materialisations(history, made)
    (found,) = watch(history)
    assert (found.asset, found.passed, found.finding.value) == ("songs", False, 0.4)


def test_observing_keeps_the_statistics_of_the_stored_version(history, world, tmp_path):
    from benchmarks.data_defects.world.stored import store_world
    from buddies_core.postgres.schema import rows

    store = store_world(world, tmp_path)
    assert observe(history, store, ["user_blocks"]) == []
    assert rows(history, "SELECT asset FROM quality.statistics") == [{"asset": "user_blocks"}]

"""The degradation test: false alarms are rare over years, falls are found as fast as its power says."""

import math

import numpy as np
import pytest

from buddies_assets.release.degradation_test import (
    Day,
    Level,
    lower_bound,
    predicted_recommendations,
    rate_log_ratio,
    watch,
)

TERMS = {"drop": 0.2, "alarm_days": 365.0}


def days(rng: np.random.Generator, rate: float, n: int, a_day: int = 500, ranks=(0.3, 0.25, 0.2, 0.15, 0.1)):
    for _ in range(n):
        likes = int(rng.binomial(a_day, rate))
        yield Day(a_day, likes, dict(enumerate(rng.multinomial(likes, ranks).tolist(), start=1)))


def mean_rank(ranks=(0.3, 0.25, 0.2, 0.15, 0.1)) -> float:
    return sum(share / rank for rank, share in enumerate(ranks, start=1))


def test_one_quiet_year_of_daily_looks_raises_a_false_alarm_in_few_of_many_worlds():
    rng = np.random.default_rng(1)
    level = Level(0.3, mean_rank())
    alarms = sum(watch(days(rng, 0.3, 365), level, **TERMS).degraded for _ in range(120))
    assert alarms / 120 < 1 - math.exp(-1) + 0.05


def test_evidence_has_a_mean_of_at_most_one_while_nothing_has_fallen():
    rng = np.random.default_rng(2)
    ratios = [math.exp(rate_log_ratio(day, 0.3, 0.2)) for day in days(rng, 0.3, 20_000, a_day=30)]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)


def test_a_fall_of_the_rate_is_found_within_twice_what_the_power_predicts():
    rng = np.random.default_rng(3)
    predicted = predicted_recommendations(0.3, 0.24, drop=0.2, alarm_days=365)
    found = [watch(days(rng, 0.24, 400, a_day=100), Level(0.3), **TERMS).recommendations for _ in range(40)]
    assert np.mean(found) == pytest.approx(predicted, rel=0.5)
    assert max(found) < 6 * predicted


def test_a_fall_after_a_long_quiet_time_is_found_as_fast_as_one_at_once():
    rng = np.random.default_rng(4)
    quiet = list(days(rng, 0.3, 200, a_day=100))
    verdict = watch([*quiet, *days(rng, 0.2, 200, a_day=100)], Level(0.3), **TERMS)
    assert verdict.degraded
    assert 200 <= verdict.day < 230


def test_ranks_that_fall_are_found_though_the_rate_stays():
    rng = np.random.default_rng(5)
    verdict = watch(days(rng, 0.3, 60, ranks=(0.1, 0.15, 0.2, 0.25, 0.3)), Level(0.3, mean_rank()), **TERMS)
    assert verdict.degraded
    assert verdict.rank_evidence > verdict.rate_evidence


def test_without_traffic_or_without_a_level_there_is_no_alarm():
    assert not watch([Day(0, 0, {})] * 400, Level(0.3, 0.5), **TERMS).degraded
    assert not watch([Day(1_000, 0, {})] * 400, Level(0.0), **TERMS).degraded


def test_a_fall_that_the_test_is_not_built_for_never_comes_in_the_prediction():
    assert predicted_recommendations(0.3, 0.3, drop=0.2, alarm_days=365) == math.inf


def test_the_lower_bound_of_a_share_is_below_it_and_close_for_many():
    assert lower_bound(0, 0) == 0.0
    assert lower_bound(30, 100) == pytest.approx(0.2308, abs=1e-3)
    assert lower_bound(30_000, 100_000) == pytest.approx(0.3, abs=0.003)


def test_evidence_that_is_kept_overnight_is_the_evidence_of_all_days_together():
    rng = np.random.default_rng(6)
    lived, level = list(days(rng, 0.29, 50)), Level(0.3, mean_rank())
    first = watch(lived[:20], level, **TERMS)
    second = watch(lived[20:], level, before=first.evidence, **TERMS)
    assert second.evidence == watch(lived, level, **TERMS).evidence

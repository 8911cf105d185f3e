"""Learnt bands: silent on clean histories with a season, and loud on what is planted in them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from quality.bands import LEAST_ERRORS, LEAST_OF_LEVEL, Seen, judged

MONDAY = datetime(2026, 9, 7, 4, tzinfo=UTC)
WEEK = np.array([1.0, 1.02, 1.05, 1.1, 1.3, 0.6, 0.45])
"""A week of a shop that is quiet at its end."""
DAYS = 56


def season(seed: int, *, noise: float = 0.03, growth: float = 0.0, count: int = DAYS) -> list[Seen]:
    """A daily count with a week's season."""
    rng = np.random.default_rng(seed)
    days = np.arange(count)
    values = 20_000 * WEEK[days % 7] * (1 + growth) ** days * np.exp(rng.normal(0, noise, count))
    return [
        Seen(MONDAY + timedelta(days=int(day)), float(round(value))) for day, value in zip(days, values, strict=True)
    ]


def alarms(history: list[Seen], room: float = 0.0) -> list[int]:
    """Places of the values that lie outside the band before them."""
    bands = judged(history, room)
    return [n for n, (seen, band) in enumerate(zip(history, bands, strict=True)) if band and not band.holds(seen.value)]


def moved(history: list[Seen], place: int, factor: float) -> list[Seen]:
    """The same history with one value multiplied."""
    return [Seen(s.at, float(round(s.value * factor))) if n == place else s for n, s in enumerate(history)]


@pytest.mark.parametrize("growth", [0.0, 0.01])
def test_twenty_clean_histories_with_a_season_are_silent(growth):
    assert [alarms(season(seed, growth=growth)) for seed in range(20)] == [[]] * 20


def test_twenty_clean_histories_without_a_season_are_silent_whatever_their_noise():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        steps = [MONDAY + timedelta(days=n) for n in range(DAYS)]
        drawn = (
            rng.poisson(400, DAYS),
            np.exp(rng.standard_t(5, DAYS) * 0.05) * 1_000,
            50 + np.cumsum(rng.normal(size=DAYS)),
        )
        for values in drawn:
            assert alarms([Seen(at, float(value)) for at, value in zip(steps, values, strict=True)]) == []


@pytest.mark.parametrize("place", range(49, 56))
@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_a_shift_on_any_day_of_the_last_week_is_found(place, factor):
    for seed in range(20):
        assert place in alarms(moved(season(seed), place, factor))


def test_a_sunday_as_full_as_a_friday_is_found_though_fridays_are_that_full():
    for seed in range(20):
        history = season(seed)
        assert 55 in alarms(moved(history, 55, WEEK[4] / WEEK[6]))
        assert judged(history)[55].method == "level and weekday"


def test_the_season_is_what_finds_it():
    """The same values in another order of days have no season, and differ so much that nothing is said of them."""
    values = [seen.value for seen in season(3)]
    order = np.random.default_rng(1).permutation(DAYS)
    shuffled = [Seen(MONDAY + timedelta(days=n), values[order[n]]) for n in range(DAYS)]
    with_season, without = judged(season(3))[-1], judged(shuffled)[-1]
    assert without is None
    assert with_season is not None
    assert with_season.high / with_season.low < 2


def test_growth_is_expected_to_go_on():
    history = [Seen(MONDAY + timedelta(days=n), float(1000 + 50 * n)) for n in range(40)]
    band = judged(history)[-1]
    assert band.method == "level and drift"
    assert band.expected == pytest.approx(1000 + 50 * 39, rel=0.04)
    assert 39 in alarms(moved(history, 39, 0.8))


def test_a_fault_in_the_past_neither_moves_the_band_nor_widens_it():
    clean = season(5)
    faulty = moved(moved(clean, 20, 0.0), 33, 3.0)
    before, after = judged(clean)[-1], judged(faulty)[-1]
    assert after.expected == pytest.approx(before.expected, rel=0.05)
    assert (after.high / after.low) == pytest.approx(before.high / before.low, rel=0.3)


def test_a_step_that_stays_is_told_for_some_days_and_no_longer():
    """The level is the new one from the fourth day on, and no alarm comes when the weekdays come round again."""
    for seed in range(20):
        history = [Seen(s.at, s.value * (2 if n >= 50 else 1)) for n, s in enumerate(season(seed, count=84))]
        found = alarms(history)
        assert found[0] == 50
        assert set(found) <= set(range(50, 55))


def test_a_constant_may_move_by_a_twentieth_and_no_more():
    history = [Seen(MONDAY + timedelta(days=n), 1_000.0) for n in range(30)]
    assert alarms([*history, Seen(MONDAY + timedelta(days=30), 1_040.0)]) == []
    assert alarms([*history, Seen(MONDAY + timedelta(days=30), 1_060.0)]) == [30]


def test_a_share_has_the_room_that_it_is_given():
    history = [Seen(MONDAY + timedelta(days=n), 0.001 * (n % 2)) for n in range(30)]
    assert alarms([*history, Seen(MONDAY + timedelta(days=30), 0.015)], room=0.02) == []
    assert alarms([*history, Seen(MONDAY + timedelta(days=30), 0.04)], room=0.02) == [30]


def test_a_share_that_was_always_none_is_judged_as_a_share_and_not_as_a_count():
    history = [Seen(MONDAY + timedelta(days=n), 0.0) for n in range(30)]
    assert alarms([*history, Seen(MONDAY + timedelta(days=30), 0.03)], room=0.02) == [30]


def test_the_band_of_a_count_is_whole():
    band = judged(season(1))[-1]
    assert (band.low, band.high) == (round(band.low), round(band.high))


def test_nothing_is_said_while_it_is_being_learnt():
    history = [Seen(MONDAY + timedelta(days=n), float(n % 3)) for n in range(LEAST_OF_LEVEL + LEAST_ERRORS + 1)]
    assert [band is None for band in judged(history)] == [True] * (LEAST_OF_LEVEL + LEAST_ERRORS) + [False]
    assert judged([]) == []


def test_versions_of_one_morning_are_judged_like_those_of_many_days():
    history = [Seen(MONDAY + timedelta(minutes=5 * n), 500.0 + n % 4) for n in range(30)]
    assert alarms([*history, Seen(MONDAY + timedelta(minutes=150), 100.0)]) == [30]


@pytest.mark.parametrize("count", range(LEAST_ERRORS + LEAST_OF_LEVEL, DAYS))
def test_a_band_of_a_count_is_none_or_one_that_a_tenth_and_tenfold_leave(count):
    rng = np.random.default_rng(count)
    history = [
        Seen(MONDAY + timedelta(days=n), float(value)) for n, value in enumerate(rng.lognormal(5, 0.5, count).round())
    ]
    for band in judged(history):
        assert band is None or not (band.holds(band.expected / 12) or band.holds(band.expected * 12))


def test_an_uneven_start_is_not_judged_until_enough_is_known():
    wild = [120.0, 900.0, 40.0, 610.0, 75.0, 1500.0, 30.0, 800.0, 55.0, 300.0, 1000.0, 20.0, 700.0]
    found = judged([Seen(MONDAY + timedelta(days=n), value) for n, value in enumerate(wild)])
    assert found == [None] * len(wild)
    # The same days, evenly: the band is there, and a day without anything leaves it.
    even = [Seen(MONDAY + timedelta(days=n), 400.0 + n % 3 * 10) for n in range(len(wild))]
    newest = judged(even)[-1]
    assert newest is not None
    assert not newest.holds(0.0)


def test_a_count_of_a_handful_is_judged_though_ten_times_as_many_would_pass():
    few = [Seen(MONDAY + timedelta(days=n), float(n % 3)) for n in range(20)]
    newest = judged(few)[-1]
    assert newest is not None
    assert not newest.holds(500.0)


def test_a_share_that_could_be_anything_is_not_judged():
    wild = [0.0, 0.9, 0.1, 0.8, 0.05, 0.95, 0.2, 0.7, 0.0, 1.0, 0.1, 0.9, 0.0, 0.8]
    assert judged([Seen(MONDAY + timedelta(days=n), value) for n, value in enumerate(wild)], 0.02)[-1] is None

"""The sliding window and how sessions leave it."""

from datetime import UTC, datetime, timedelta

import pytest

from buddies_assets.feedback.window import Window

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


def test_a_window_of_28_days_ends_today_and_begins_27_days_ago():
    window = Window(NOON, 28, 7)
    assert window.partitions()[0] == "2026-03-01"
    assert window.partitions()[-1] == "2026-03-28"
    assert len(window.partitions()) == 28


def test_a_session_counts_in_full_until_the_last_week_of_the_window_and_then_less_each_day():
    window = Window(NOON, 28, 7)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert window.share(NOON) == 1.0
    assert window.share(start + timedelta(days=7)) == 1.0
    assert window.share(start + timedelta(days=3.5)) == pytest.approx(0.5)
    assert window.share(start) == 0.0
    assert window.share(start - timedelta(seconds=1)) == 0.0


def test_without_phasing_a_session_counts_in_full_until_it_leaves():
    window = Window(NOON, 28, 0)
    assert window.share(datetime(2026, 3, 1, tzinfo=UTC)) == 1.0
    assert window.share(datetime(2026, 2, 28, 23, 59, tzinfo=UTC)) == 0.0


def test_a_session_dated_later_today_counts_but_one_of_tomorrow_does_not():
    window = Window(NOON, 28, 7)
    assert window.share(NOON + timedelta(minutes=1)) == 1.0
    assert window.share(NOON + timedelta(hours=13)) == 0.0


def test_a_window_that_phases_out_more_than_it_holds_is_refused_with_the_setting_named():
    with pytest.raises(ValueError, match="BUDDIES_FEEDBACK_PHASE_DAYS"):
        Window(NOON, 5, 6)
    with pytest.raises(ValueError, match="time zone"):
        Window(datetime(2026, 1, 1), 5, 1)

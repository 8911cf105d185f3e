"""Days are days of UTC in whatever zone a session stands, on every side of Greenwich and when clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest

from buddies_assets.release.feedback_counts import days_of
from buddies_core.registry.watermark import day_counts

ZONES = ["UTC", "America/Los_Angeles", "America/St_Johns", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati"]
CHANGES = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1)]
"""Clocks of America and of Europe go forward and back on these days."""


@pytest.fixture(params=ZONES)
def in_zone(request, connection):
    with connection.cursor() as cursor:
        cursor.execute(f"SET TIME ZONE '{request.param}'")
    return connection


@pytest.mark.parametrize("change", CHANGES)
def test_no_day_vanishes_or_moves_when_clocks_change(in_zone, add_sessions, change: date):
    days = [change + timedelta(days=n) for n in (-1, 0, 1)]
    number = 1
    for nth, day in enumerate(days, start=1):
        first = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for at in (first, first + timedelta(days=1) - timedelta(microseconds=1)):
            add_sessions(range(number, number + nth), at)
            number += nth
    counted = day_counts(in_zone, days[0], days[-1])
    assert counted == {day.isoformat(): 2 * nth for nth, day in enumerate(days, start=1)}


@pytest.mark.parametrize("hour", [0, 3, 12, 21, 23])
def test_the_degradation_sensor_sees_lists_and_likes_of_the_same_days(in_zone, add_sessions, add_served, hour: int):
    since = datetime(2026, 3, 10, hour, tzinfo=UTC)
    for number in range(1, 4):
        at = since + timedelta(days=number - 1)
        add_sessions(range(number * 10, number * 10 + number), at, received_at=at)
    for day in (9, 10, 11, 12):
        add_served("000001-aa-bb", 100, day=date(2026, 3, day))
    days = days_of(in_zone, "000001", since)
    assert {day: (found.recommendations, found.likes) for day, found in days.items()} == {
        date(2026, 3, 10): (100, 1),
        date(2026, 3, 11): (100, 2),
        date(2026, 3, 12): (100, 3),
    }

"""One definition of each figure: what pages show equals SQL written by hand, and what the sensor decides by."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from databases import FEEDBACK_TABLES

from buddies_core import charts
from buddies_core.postgres.schema import rows
from buddies_core.registry.watermark import Watermark, day_counts, new_sessions
from quality.dashboard.context import Context
from quality.dashboard.drawings import draw
from quality.dashboard.pages import feedback as feedback_page
from quality.dashboard.pages import models
from quality.dashboard.pages.common import next_retraining
from quality.dashboard.period import Period
from quality.history import feedback
from quality.statistics import spread

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
TODAY = NOW.date()
SERVED = """
    CREATE TABLE feedback.recommendations_served (
        day date NOT NULL, model_version text NOT NULL, recommendations bigint NOT NULL,
        PRIMARY KEY (day, model_version));
"""
BY_HAND = """
    SELECT s.model_version, count(*) AS likes,
           (SELECT sum(recommendations) FROM feedback.recommendations_served r
            WHERE r.model_version = s.model_version AND r.day BETWEEN %(first)s AND %(last)s) AS lists
    FROM feedback.sessions s
    WHERE (s.received_at AT TIME ZONE 'UTC')::date BETWEEN %(first)s AND %(last)s GROUP BY 1 ORDER BY 1
"""


@dataclass
class StandIn:
    """What pages ask of the dashboard's sources here."""

    checkpoint: Any = None
    settings: Any = None
    manifests: dict = field(default_factory=dict)


@pytest.fixture
def demonstration(history):
    """The demonstration: 400 lists served today, 160 of them liked, with likes dated back over two weeks."""
    with history, history.cursor() as cursor:
        cursor.execute(FEEDBACK_TABLES + SERVED)
        cursor.execute("INSERT INTO feedback.recommendations_served VALUES (%s, 'v1', 400), (%s, 'v0', 100)",
                       (TODAY, TODAY - timedelta(days=60)))  # fmt: skip
        for number in range(160):
            created = NOW - timedelta(hours=2 * number)
            cursor.execute(
                "INSERT INTO feedback.sessions (created_at, received_at, user_id, liked, shown, model_version, arm)"
                " VALUES (%s, %s, %s, 10, '{10, 11}', 'v1', 'champion')",
                (created, NOW - timedelta(minutes=5), number % 40),
            )
    feedback.refresh(history)
    return history


def context(connection, sources=None) -> Context:
    return Context(connection, sources or StandIn(), Period.parse(None, None, TODAY), NOW)


def test_the_like_rate_is_the_same_on_both_pages_and_by_hand(demonstration):
    period = Period.parse(None, None, TODAY)
    by_hand = rows(demonstration, BY_HAND, {"first": period.first, "last": period.last})
    assert [(r["model_version"], r["likes"], int(r["lists"])) for r in by_hand] == [("v1", 160, 400)]
    online = {row["version"]: row for row in models.online_table(context(demonstration)).rows}
    assert online["v1"]["rate"] == 0.4
    plotted = feedback_page.like_rate(context(demonstration))
    assert plotted is not None
    rates = re.findall(r'"rate": ([0-9.]+)', str(plotted.spec()).replace("'", '"'))
    assert {float(rate) for rate in rates} == {0.4}


def test_served_since_is_the_first_day_of_serving_and_not_of_a_dated_back_like(demonstration):
    online = {row["version"]: row for row in models.online_table(context(demonstration)).rows}
    assert online["v1"]["since"] == TODAY.isoformat()


def test_likes_that_came_in_late_are_counted_on_their_day(demonstration):
    with demonstration, demonstration.cursor() as cursor:
        cursor.execute(
            "INSERT INTO feedback.sessions (created_at, received_at, user_id, liked, shown, model_version, arm)"
            " VALUES (%(at)s, %(at)s, 1, 11, '{10, 11}', 'v1', 'champion')",
            {"at": NOW + timedelta(minutes=5)},
        )
    feedback.refresh(demonstration)
    (today,) = feedback.likes(demonstration, TODAY, TODAY + timedelta(days=1))
    assert (today.likes, today.rank_sum, today.lists) == (161, 162, 400)


def test_the_tile_of_the_like_rate_is_likes_by_lists_of_all_versions_in_the_range(demonstration):
    with demonstration, demonstration.cursor() as cursor:
        cursor.execute("INSERT INTO feedback.recommendations_served VALUES (%s, 'v2', 240)", [TODAY])
    period = Period.parse(None, None, TODAY)
    found = rows(demonstration, BY_HAND, {"first": period.first, "last": period.last})
    assert sum(r["likes"] for r in found) == 160  # of 400 lists of v1, 240 of v2, and 100 of v0 two months ago
    tile = feedback_page.like_rate_tile(context(demonstration))
    assert (tile.value, tile.note) == (f"{160 / 740:.3f}", "160 likes of 740 lists served")


def test_progress_to_retraining_is_the_figure_of_the_sensor(demonstration):
    read = {(TODAY - timedelta(days=1)).isoformat(): 5}
    lineage = {"feedback": {"days": read}}

    @dataclass
    class Newest:
        version: str = "000001"
        lineage: dict = field(default_factory=lambda: lineage)

    @dataclass
    class Some:
        retrain_sessions: int = 100
        feedback_window_days: int = 7

    first = TODAY - timedelta(days=6)
    of_sensor = new_sessions(day_counts(demonstration, first, TODAY), lineage, NOW, 7)
    # 2 hours apart: 8 today until 15:00, 12 on each day before; five of yesterday's are read.
    assert of_sensor == 8 + 6 * 12 - 5
    progress, _ = next_retraining(context(demonstration, StandIn(Newest(), Some())))
    assert (progress.done, progress.whole) == (of_sensor, 100)
    assert "75 of 100 sessions, since checkpoint 000001" in progress.note
    assert Watermark.of_lineage(lineage).sessions == 5


def test_progress_before_the_first_checkpoint_is_none(demonstration):
    @dataclass
    class Some:
        retrain_sessions: int = 100

    progress, _ = next_retraining(context(demonstration, StandIn(None, Some())))
    assert progress.done == 0
    assert "no checkpoint yet" in progress.note


@pytest.mark.parametrize(
    "values",
    [np.r_[np.repeat(np.arange(1, 60), 20), 500, 900, 1000], np.arange(7), np.linspace(0, 1, 500), np.full(9, 3)],
)
def test_a_histogram_counts_what_a_count_by_hand_counts_and_keeps_the_tail_apart(values):
    bins = spread(values)["bins"]
    whole = bool((values == np.round(values)).all())
    inside = [row for row in bins if not row.get("beyond")]
    for number, row in enumerate(inside):
        closed = not whole and number == len(inside) - 1
        below = values <= row["stop"] if closed else values < row["stop"]
        assert row["count"] == int(((values >= row["start"]) & below).sum())
    assert sum(row["count"] for row in bins) == len(values)
    for row in bins[len(inside) :]:
        assert row["count"] == int((values >= row["start"]).sum())


def test_the_bar_of_the_tail_says_that_it_goes_on():
    bins = [{"start": 0, "stop": 20, "count": 11}, {"start": 20, "stop": 40, "count": 13, "beyond": True}]
    drawn = draw(charts.histogram(bins, axis="songs").to_dict(), 600)
    assert "songs from: 20; to: the largest; users: 13" in drawn
    assert "songs from: 0; to: 20; users: 11" in drawn
    assert "and more" in drawn


def test_a_bar_of_an_iso_week_begins_on_its_monday():
    monday = date(2026, 1, 5)
    weeks = [{"day": (monday + timedelta(weeks=n)).isoformat(), "users": n + 1} for n in range(3)]
    drawn = draw(charts.bars_over_time(weeks, y="users", title="users", unit="week").to_dict(), 600)
    assert re.findall(r'aria-label="week: ([^;]*); users: (\d)', drawn) == [
        ("Jan 05, 2026", "1"),
        ("Jan 12, 2026", "2"),
        ("Jan 19, 2026", "3"),
    ]
    bars = re.findall(r"<path[^>]*users: \d[^>]*>", drawn)
    heights = [float(re.search(r'd="M[^"]*?v(-?[\d.]+)', bar)[1]) for bar in bars]
    assert heights == pytest.approx([heights[0], 2 * heights[0], 3 * heights[0]], rel=0.02)  # they stand on the axis

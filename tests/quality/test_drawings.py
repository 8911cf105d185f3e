"""Charts as SVG of the server: what is drawn, for whom, and how often."""

import re

import pytest

from buddies_core import charts
from quality.dashboard import drawings
from quality.dashboard.drawings import WIDTHS, Drawings, draw
from quality.dashboard.labels import description
from quality.dashboard.plot import plot

DAYS = [{"day": f"2026-03-0{day}", "users": day} for day in range(1, 6)]


def bars(rows=DAYS):
    return plot(charts.bars_over_time, rows, y="users", title="users")


def test_a_drawing_holds_a_labelled_mark_for_each_row_and_the_colours_of_the_page():
    svg = draw(bars().spec(), 500)
    labels = re.findall(r'aria-label="(day: [^"]*)"', svg)
    assert [re.search(r"users: (\d+)", label)[1] for label in labels] == ["1", "2", "3", "4", "5"]
    assert "var(--muted)" in svg
    assert "<script" not in svg


def test_a_drawing_is_as_wide_as_asked_for():
    assert re.search(r'<svg[^>]* width="410"', draw(bars().spec(), 410))


def test_the_same_chart_is_drawn_once_for_widths_that_are_near(monkeypatch):
    drawn = []
    monkeypatch.setattr(drawings, "draw", lambda spec, width: drawn.append(width) or "<svg/>")
    kept = Drawings()
    for width in (600, 610, 655, 590):
        kept.svg(bars(), width)
    kept.svg(bars(), 280)
    kept.svg(bars(DAYS[:2]), 600)
    assert drawn == [600, 280, 600]


def test_any_width_of_a_window_is_near_one_that_is_drawn():
    for width in range(260, 1400):
        nearest = min(WIDTHS, key=lambda drawn: max(drawn, width) / min(drawn, width))
        assert max(nearest, width) / min(nearest, width) < 1.15


def test_the_oldest_drawing_is_forgotten_when_there_are_too_many(monkeypatch):
    drawn = []
    monkeypatch.setattr(drawings, "draw", lambda spec, width: drawn.append(width) or "<svg/>")
    monkeypatch.setattr(drawings, "MOST_KEPT", 2)
    kept = Drawings()
    for rows in (DAYS[:1], DAYS[:2], DAYS[:3], DAYS[:1]):
        kept.svg(bars(rows), 600)
    assert len(drawn) == 4


@pytest.mark.parametrize(
    ("tooltip", "said"),
    [
        ('{"n": datum["n"]}', '"n: " + (datum["n"])'),
        (
            '{"day": format(datum["day"], "a, b"), "users": datum["n"]}',
            '"day: " + (format(datum["day"], "a, b")) + "; users: " + (datum["n"])',
        ),
        ('{"a, b": isValid(datum["x"]) ? datum["x"] : "}"}', '"a, b: " + (isValid(datum["x"]) ? datum["x"] : "}")'),
    ],
)
def test_a_label_says_each_name_and_value_of_a_tooltip(tooltip, said):
    assert description(tooltip) == said

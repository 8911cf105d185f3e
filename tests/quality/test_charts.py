"""Charts: valid Vega-Lite, the rows inside, and an image in both themes."""

import json
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from buddies_core import charts
from quality.dashboard import drawings
from quality.dashboard.drawings import draw
from quality.dashboard.plot import plot

DAYS = [{"day": f"2026-01-{day:02d}", "users": day, "version": "v1" if day < 9 else "v2"} for day in range(1, 15)]
BUILT = {
    "line": lambda: charts.line_over_time(DAYS, y="users", title="users", band=(3, 9)),
    "series": lambda: charts.line_over_time(DAYS, y="users", title="users", series="version", zero=False),
    "bars": lambda: charts.bars_over_time(DAYS, y="users", title="users", floor=4),
    "weeks": lambda: charts.bars_over_time(DAYS[::7], y="users", title="users", unit="week"),
    "cumulative": lambda: charts.cumulative(
        DAYS, y="users", marks=[{"at": "2026-01-04", "label": "v1"}], title="users"
    ),
    "histogram": lambda: charts.histogram([{"start": 0, "stop": 1, "count": 4}], axis="songs"),
    "lorenz": lambda: charts.lorenz([{"x": 0, "y": 0}, {"x": 1, "y": 1}], who="users", what="sessions"),
    "ranking": lambda: charts.ranking([{"user": "7", "n": 3}], label="user", value="n", title="sessions"),
    "lines": lambda: charts.lines([{"epoch": 1, "value": 0.3, "m": "mrr"}], x="epoch", y="value", series="m", axis="e"),
    "band": lambda: charts.value_and_band(
        [{"at": "2026-01-01", "value": 3, "low": 1, "high": None, "state": "pass", "run": "r"}], name="rows"
    ),
    "graph": lambda: charts.graph(
        [{"name": "songs", "x": 0, "y": 0, "state": "ok", "health": "ok", "note": "", "url": "/"}],
        [{"x": 0, "y": 0, "x2": 1, "y2": 1}],
    ),
}


def test_a_single_day_takes_its_place_among_fourteen():
    drawn = draw(charts.bars_over_time(DAYS[:1], y="users", title="users").to_dict(), 700)
    (width,) = re.findall(r'aria-roledescription="bar" d="M[\d.]+,[\d.]+h([\d.]+)v', drawn)
    assert 700 / 15 - 1 < float(width) < 700 / 14


@pytest.mark.parametrize("name", BUILT)
def test_a_chart_is_valid_and_brings_its_rows(name):
    spec = BUILT[name]().to_dict()
    assert "vega-lite/v6" in spec["$schema"]
    assert "values" in json.dumps(spec)


@pytest.mark.parametrize("name", BUILT)
def test_a_chart_is_drawn_without_colours_of_its_own_for_text_and_axes(name):
    drawn = draw(BUILT[name]().to_dict(), 600)
    width, fills = re.search(r' width="(\d+)"', drawn), set(re.findall(r'<text[^>]* fill="([^"]+)"', drawn))
    assert width is not None and abs(int(width[1]) - 600) <= 1
    assert fills <= {"var(--text)", "var(--muted)"}


def test_a_mark_is_labelled_with_what_its_tooltip_says():
    drawn = draw(BUILT["weeks"]().to_dict(), 600)
    assert re.findall(r'<path aria-label="([^"]*)"', drawn) == [
        "week: Jan 01, 2026; users: 1",
        "week: Jan 08, 2026; users: 8",
    ]
    assert re.search(r'<path aria-label="name: songs; health: ok; note: "', draw(BUILT["graph"]().to_dict(), 600))


def test_equal_charts_are_drawn_once_for_all_widths_near_each_other(monkeypatch):
    asked = []
    monkeypatch.setattr(drawings, "draw", lambda spec, width: asked.append(width) or f"<svg {len(asked)}>")
    kept, rows = drawings.Drawings(), [{"user": "7", "n": 3}]
    for width in (600, 582, 640):
        assert kept.svg(plot(charts.ranking, rows, label="user", value="n", title="sessions"), width) == "<svg 1>"
    assert kept.svg(plot(charts.ranking, rows, label="user", value="n", title="sessions"), 332) == "<svg 2>"
    rows = [{"user": "7", "n": 4}]
    assert kept.svg(plot(charts.ranking, rows, label="user", value="n", title="sessions"), 600) == "<svg 3>"
    assert asked == [600, 340, 600]


def test_labels_of_bars_have_room_in_the_widest_usual_font():
    # DejaVu Sans, which browsers on Linux show: a digit is 0.636 em wide, "EASE with artists" 93.2 px at 11 px.
    for label, wide in (("0123456789" * 2, 20 * 0.636 * 11), ("EASE with artists", 93.2)):
        drawn = draw(
            charts.ranking([{"user": label, "n": 3}], label="user", value="n", title="sessions").to_dict(), 410
        )
        (bars,) = re.findall(r'translate\(([\d.]+),[\d.]+\)"><g class="mark-group role-frame root"', drawn)
        (back,) = re.findall(rf"translate\((-?[\d.]+),[^>]*>{label}</text>", drawn)
        assert float(bars) + float(back) >= wide


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chart_becomes_an_image_in_both_themes(theme):
    image = charts.png(BUILT["histogram"]().properties(width=200), scale=1, theme=theme)
    assert image.startswith(b"\x89PNG")


def test_over_a_few_days_the_ticks_are_days():
    few = charts.line_over_time(DAYS[:4], y="users", title="users").to_dict()
    many = charts.line_over_time(DAYS, y="users", title="users").to_dict()
    ticks = [chart["layer"][0]["encoding"]["x"]["axis"]["tickCount"] for chart in (few, many)]
    assert ticks == ["day", 6]


def axis_labels(svg: str) -> list[list[str]]:
    """The labels that are seen of each axis of a drawing."""
    found = []
    for group in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        if "role-axis-label" in group.get("class", ""):
            texts = [text for text in group.iter("{http://www.w3.org/2000/svg}text") if text.get("opacity") != "0"]
            found.append([text.text or "" for text in texts])
    return found


START = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def over(days: float, count: int) -> list[datetime]:
    return [START + timedelta(days=days) * place / max(count - 1, 1) for place in range(count)]


SPANS = [(0.0, 1), (0.04, 5), (0.5, 6), (1, 2), (2, 3), (5, 6), (13, 14), (30, 31), (90, 91), (400, 20)]


@pytest.mark.parametrize("width", [280, 600, 1240])
@pytest.mark.parametrize(("days", "count"), SPANS)
def test_no_axis_says_the_same_twice(days, count, width):
    at = over(days, count)
    large = [1, 3, 0.00012, 118_463][(count + width) % 4]
    by_day = sorted({moment.date().isoformat() for moment in at})
    daily = [{"day": day, "users": round(large * (place + 1)), "kind": "a"} for place, day in enumerate(by_day)]
    checks = [
        {"at": moment.isoformat(), "value": large * place, "low": 0, "high": None, "state": "pass", "run": "r"}
        for place, moment in enumerate(at)
    ]
    epochs = [{"epoch": place, "value": large * place, "m": "mrr"} for place in range(count)]
    for chart in (
        charts.value_and_band(checks, name="rows"),
        charts.line_over_time(daily, y="users", title="users"),
        charts.bars_over_time(daily, y="users", title="users", floor=1),
        charts.cumulative(daily, y="users", marks=[], title="users"),
        charts.lines(epochs, x="epoch", y="value", series="m", axis="epoch"),
    ):
        for labels in axis_labels(draw(chart.to_dict(validate=False), width)):
            assert len(labels) == len(set(labels))


def test_a_legend_of_many_versions_has_room_on_a_phone():
    rows = [{"epoch": n, "value": n, "m": f"00000{m}"} for n in range(3) for m in range(6)]
    spec = charts.lines(rows, x="epoch", y="value", series="m", axis="e").to_dict(validate=False)
    svg = ElementTree.fromstring(draw(spec, 280))
    labels = [t for t in svg.iter("{http://www.w3.org/2000/svg}text") if (t.text or "").startswith("00000")]
    assert len(labels) == 6

"""What changes over time: lines, bars, growing totals, a value in its band."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from buddies_core.charts.theme import AMBER, BLUE, GREEN, GREY, RED, VIOLET, Rows, base

if TYPE_CHECKING:
    import altair as alt

FEW_DAYS = 10
FEW_BARS = 14
LARGE = 10_000
TWO_DAYS, YEAR = 2, 300


def line_over_time(
    rows: Rows,
    *,
    y: str,
    title: str,
    x: str = "day",
    band: tuple[float, float] | None = None,
    series: str | None = None,
    zero: bool = True,
    form: str = ",.4~g",
) -> "alt.LayerChart | alt.FacetChart":
    """A figure over time; `band` is shaded as what is expected, `series` splits the line by colour."""
    import altair as alt

    layer = base(rows, "container", 180)
    tooltip = [alt.Tooltip(f"{x}:T", title="day"), alt.Tooltip(f"{y}:Q", title=title, format=form)]
    encoding: dict[str, Any] = {
        "x": time_axis(x, rows),
        "y": alt.Y(f"{y}:Q", title=None, axis=alt.Axis(format="~s" if zero else form), scale=alt.Scale(zero=zero)),
    }
    if series is not None:
        encoding["color"] = alt.Color(f"{series}:N", title=None)
        tooltip.append(alt.Tooltip(f"{series}:N"))
    layers = []
    if band is not None:
        edges = alt.Data(values=[{"low": band[0], "high": band[1]}])
        layers.append(alt.Chart(edges).mark_rect(color=GREEN, opacity=0.14).encode(y="low:Q", y2="high:Q"))
    mark = {"strokeWidth": 1.8} if series is not None else {"strokeWidth": 1.8, "color": BLUE if zero else GREEN}
    point = {"filled": True, "size": 18 if len(rows) <= 120 else 1}
    layers.append(layer.mark_line(**mark, point=point).encode(**encoding, tooltip=tooltip))
    return alt.layer(*layers).properties(width="container", height=180)


def bars_over_time(
    rows: Rows,
    *,
    y: str,
    title: str,
    x: str = "day",
    unit: Literal["day", "week"] = "day",
    series: str | None = None,
    colours: Mapping[str, str] | None = None,
    floor: float | None = None,
) -> "alt.LayerChart | alt.FacetChart":
    """Counts a day or a week; `floor` is a dashed line, `series` stacks; a bar leads to the `url` of its row.

    Where rows have `low` and `high`, what lies between is shaded as expected.
    """
    import altair as alt

    if unit == "week":
        # Vega's own weeks begin on Sunday: an ISO week is drawn from its Monday to its Sunday.
        rows = [{**row, "until": _sunday(row[x])} for row in rows]
    encoding: dict[str, Any] = {
        "x": time_axis(
            x, rows, _room_for_bars(rows, x, unit), **({"timeUnit": "utcyearmonthdate"} if unit == "day" else {})
        ),
        "y": alt.Y(f"{y}:Q", title=None, axis=alt.Axis(format="~s")),
        "tooltip": [alt.Tooltip(f"{x}:T", title=unit), alt.Tooltip(f"{y}:Q", title=title, format=",")],
    }
    if rows and "url" in rows[0]:
        encoding["href"] = "url:N"
    if unit == "week":
        # With both ends of x given, Vega draws a bar along it, as thick as a line, unless y has both ends too.
        encoding |= {"x2": "until:T", "y2": alt.datum(0)}
    if series is not None:
        scale = alt.Scale(domain=list(colours), range=list(colours.values())) if colours else alt.Undefined
        encoding["color"] = alt.Color(f"{series}:N", title=None, scale=scale)
        encoding["tooltip"].append(alt.Tooltip(f"{series}:N"))
    mark: dict[str, Any] = {"color": BLUE} if series is None else {}
    layers: list[Any] = [base(rows, "container", 180).mark_bar(**mark).encode(**encoding)]
    banded = [row for row in rows if row.get("low") is not None]
    if banded:
        area = base(banded, "container", 180).mark_area(color=GREEN, opacity=0.22, interpolate="step")
        layers.append(area.encode(x=encoding["x"], y="low:Q", y2="high:Q"))
    if floor is not None:
        line = alt.Chart(alt.Data(values=[{"floor": floor}])).mark_rule(strokeDash=[4, 3], color=VIOLET)
        layers.append(line.encode(y="floor:Q", tooltip=alt.Tooltip("floor:Q", title="floor", format=",")))
    return alt.layer(*layers).properties(width="container", height=180)


def _room_for_bars(rows: Rows, x: str, unit: Literal["day", "week"]) -> tuple[int, int] | None:
    """From when to when an axis goes, so that a bar or two do not fill the chart; None where the bars need no more."""
    step = timedelta(days=1 if unit == "day" else 7)
    days = [date.fromisoformat(str(row[x])[:10]) for row in rows]
    if not days or max(days) - min(days) >= FEW_BARS * step:
        return None
    end = max(days) + step
    return _milliseconds(end - FEW_BARS * step), _milliseconds(end)


def _milliseconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def _sunday(monday: str) -> str:
    return (date.fromisoformat(monday) + timedelta(days=6)).isoformat()


def cumulative(rows: Rows, *, y: str, marks: Rows, title: str, x: str = "day") -> "alt.LayerChart | alt.FacetChart":
    """A growing total as an area, with labelled vertical rules (`at`, `label`) for events such as retrainings."""
    import altair as alt

    area = (
        base(rows, "container", 200)
        .mark_area(color=GREEN, opacity=0.18, line={"color": GREEN, "strokeWidth": 1.8}, point="transparent")
        .encode(
            x=time_axis(x, rows),
            y=alt.Y(f"{y}:Q", title=None, axis=alt.Axis(format="~s")),
            tooltip=[alt.Tooltip(f"{x}:T", title="day"), alt.Tooltip(f"{y}:Q", title=title, format=",")],
        )
    )
    if not marks:
        return alt.layer(area).properties(width="container", height=200)
    events = alt.Chart(alt.Data(values=[dict(mark) for mark in marks]))
    rules = events.mark_rule(strokeDash=[2, 2], color=GREY).encode(x="at:T", tooltip=["label:N", "at:T"])
    labels = events.mark_text(align="left", dx=3, dy=6, baseline="top", fontSize=10).encode(
        x="at:T", text="label:N", y=alt.value(0)
    )
    return alt.layer(area, rules, labels).properties(width="container", height=200)


def value_and_band(rows: Rows, *, name: str) -> "alt.LayerChart | alt.FacetChart":
    """A check's value over time against its band; each point is coloured by its verdict (`state`)."""
    import altair as alt

    layer = base(rows, "container", 200).encode(x=time_axis("at", rows))
    scale = alt.Scale(domain=["pass", "warn", "fail"], range=[GREEN, AMBER, RED])
    known = [abs(row[key]) for row in rows for key in ("value", "low", "high") if row.get(key) is not None]
    # Four digits of a large number would be written with an exponent.
    form = ",.0f" if known and max(known) >= LARGE else ",.4~g"
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format=form), scale=alt.Scale(zero=False))
    layers: list[Any] = []
    if any(row.get("low") is not None and row.get("high") is not None for row in rows):
        area = layer.mark_area(color=GREEN, opacity=0.14)
        layers.append(area.encode(y=alt.Y("low:Q", title=None), y2="high:Q"))
    limits = layer.mark_line(color=GREY, strokeDash=[4, 3], strokeWidth=1)
    given = [edge for edge in ("low", "high") if any(row.get(edge) is not None for row in rows)]
    layers.extend(limits.encode(y=f"{edge}:Q") for edge in given)
    layers.append(layer.mark_line(color=GREY, strokeWidth=1).encode(y=y))
    points = layer.mark_circle(size=42, opacity=1).encode(
        y=y,
        color=alt.Color("state:N", title=None, scale=scale),
        tooltip=[alt.Tooltip("at:T", format="%d %b %Y %H:%M"), alt.Tooltip("value:Q", title=name), "state:N", "run:N"],
    )
    return alt.layer(*layers, points).properties(width="container", height=200)


def time_axis(column: str, rows: Rows, span: tuple[int, int] | None = None, **more: Any) -> "alt.X":
    """A time axis in UTC, whose labels are as fine as its ticks: otherwise one date would stand there several times."""
    import altair as alt

    form, ticks = _ticks([str(row[column]) for row in rows])
    axis = alt.Axis(format=form, labelAngle=0, labelOverlap="greedy", labelSeparation=10, tickCount=ticks)
    scale = alt.Scale(type="utc", domain=list(span) if span else alt.Undefined)
    return alt.X(f"{column}:T", title=None, axis=axis, scale=scale, **more)


def _ticks(moments: list[str]) -> tuple[str, Any]:
    """Format of the labels and number of ticks for moments (or days) in ISO form."""
    known = [datetime.fromisoformat(moment) for moment in moments] or [datetime.now(UTC)]
    days = (max(known) - min(known)) / timedelta(days=1)
    if days > YEAR:
        return "%b %Y", 6
    if len(set(known)) <= FEW_DAYS and all(moment.time() == time() for moment in known):
        return "%d %b", "day"
    if days <= TWO_DAYS:
        return ("%d %b %H:%M" if days * 24 > 1 else "%H:%M:%S"), 4
    return "%d %b", "day" if days <= FEW_DAYS else 6

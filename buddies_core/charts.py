"""One chart vocabulary for Dagster's metadata, the dashboard and the README: Altair charts from plain rows.

A builder takes rows (dictionaries of JSON values), the names of its columns and what its axes mean; it returns an
Altair chart with the rows inside. Colours and type come from a theme, which whoever draws the chart applies: the
dashboard `IN_PAGE`, and `png` one of `THEMES`. Colours that carry meaning are the same in both themes and readable on
both.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import altair as alt

Rows = Sequence[Mapping[str, Any]]
Theme = Literal["light", "dark"]

BLUE, GREEN, RED, AMBER, ORANGE, VIOLET, GREY = (
    "#2f6fed",
    "#12a07a",
    "#d3382f",
    "#b0740f",
    "#c2570c",
    "#8457d6",
    "#8591a3",
)
FEW_DAYS = 10
STATE_COLOURS = {"ok": GREEN, "warn": AMBER, "fail": RED, "unknown": GREY}
"""Colours of a health, wherever it is drawn."""
_SERIES = [BLUE, GREEN, ORANGE, VIOLET, AMBER, RED, GREY]
_FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def _theme(background: str, text: str, muted: str, grid: str) -> dict[str, Any]:
    return {
        "background": background,
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": muted,
            "titleColor": muted,
            "gridColor": grid,
            "domainColor": grid,
            "tickColor": grid,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False, "tickCount": 5, "labelPadding": 6},
        "legend": {"labelColor": text, "titleColor": muted, "orient": "top", "labelFontSize": 11},
        "title": {"color": text, "subtitleColor": muted, "anchor": "start", "fontSize": 13},
        "text": {"color": text, "fill": text},
        "range": {"category": _SERIES},
    }


THEMES: dict[Theme, dict[str, Any]] = {
    "light": _theme("#ffffff", "#101828", "#5b6b80", "#e6eaf0"),
    "dark": _theme("#151b26", "#e7ecf4", "#9aa8bc", "#2a3443"),
}
"""Vega-Lite configurations; the dashboard's style sheet uses the same colours for its cards."""
IN_PAGE = _theme("transparent", "var(--text)", "var(--muted)", "var(--line)")
"""The same for SVG inside a page of the dashboard, whose style sheet sets these colours for light and dark."""


def png(chart: "alt.TopLevelMixin", *, scale: float = 2.0, theme: Theme = "light") -> bytes:
    """A chart as a PNG image."""
    import json

    import vl_convert

    spec = json.loads(chart.to_json())
    return vl_convert.vegalite_to_png(spec | {"config": THEMES[theme]}, scale=scale)


def _base(rows: Rows, width: Any, height: int) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.Data(values=[dict(row) for row in rows]), width=width, height=height)


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

    base = _base(rows, "container", 180)
    tooltip = [alt.Tooltip(f"{x}:T", title="day"), alt.Tooltip(f"{y}:Q", title=title, format=form)]
    encoding: dict[str, Any] = {
        "x": _time(x, rows),
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
    layers.append(base.mark_line(**mark, point=point).encode(**encoding, tooltip=tooltip))
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
    """Counts a day or a week; `floor` is a dashed line, `series` stacks; a bar leads to the `url` of its row."""
    import altair as alt

    if unit == "week":
        # Vega's own weeks begin on Sunday: an ISO week is drawn from its Monday to its Sunday.
        rows = [{**row, "until": _sunday(row[x])} for row in rows]
    encoding: dict[str, Any] = {
        "x": _time(x, rows, **({"timeUnit": "utcyearmonthdate"} if unit == "day" else {})),
        "y": alt.Y(f"{y}:Q", title=None, axis=alt.Axis(format="~s")),
        "tooltip": [alt.Tooltip(f"{x}:T", title=unit), alt.Tooltip(f"{y}:Q", title=title, format=",")],
    }
    if rows and "url" in rows[0]:
        encoding["href"] = "url:N"
    if unit == "week":
        encoding["x2"] = "until:T"
    if series is not None:
        scale = alt.Scale(domain=list(colours), range=list(colours.values())) if colours else alt.Undefined
        encoding["color"] = alt.Color(f"{series}:N", title=None, scale=scale)
        encoding["tooltip"].append(alt.Tooltip(f"{series}:N"))
    mark: dict[str, Any] = {"color": BLUE} if series is None else {}
    layers: list[Any] = [_base(rows, "container", 180).mark_bar(**mark).encode(**encoding)]
    if floor is not None:
        line = alt.Chart(alt.Data(values=[{"floor": floor}])).mark_rule(strokeDash=[4, 3], color=VIOLET)
        layers.append(line.encode(y="floor:Q", tooltip=alt.Tooltip("floor:Q", title="floor", format=",")))
    return alt.layer(*layers).properties(width="container", height=180)


def _sunday(monday: str) -> str:
    return (date.fromisoformat(monday) + timedelta(days=6)).isoformat()


def cumulative(rows: Rows, *, y: str, marks: Rows, title: str, x: str = "day") -> "alt.LayerChart | alt.FacetChart":
    """A growing total as an area, with labelled vertical rules (`at`, `label`) for events such as retrainings."""
    import altair as alt

    area = (
        _base(rows, "container", 200)
        .mark_area(color=GREEN, opacity=0.18, line={"color": GREEN, "strokeWidth": 1.8}, point="transparent")
        .encode(
            x=_time(x, rows),
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


def histogram(rows: Rows, *, axis: str, count: str = "users", colour: str = BLUE) -> "alt.LayerChart | alt.FacetChart":
    """How a measure is distributed, from bins `start`, `stop`, `count`.

    A bin that is `beyond` holds every larger value: it is grey, and says so above.
    """
    import altair as alt

    whole = all(float(row["start"]).is_integer() for row in rows)
    step = 1 if whole else alt.Undefined
    form = "~s" if any(row["stop"] > 10 for row in rows) else ".3~g"
    told = [{**row, "kind": "beyond" if row.get("beyond") else "within", "to": _upper_edge(row)} for row in rows]
    kinds = alt.Scale(domain=["within", "beyond"], range=[colour, GREY])
    base = _base(told, "container", 180)
    bars = base.mark_bar().encode(
        x=alt.X("start:Q", bin="binned", title=axis, axis=alt.Axis(format=form, tickMinStep=step)),
        x2="stop:Q",
        y=alt.Y("count:Q", title=None, axis=alt.Axis(format="~s")),
        color=alt.Color("kind:N", scale=kinds, legend=None),
        tooltip=[
            alt.Tooltip("start:Q", title=f"{axis} from", format=",.4~g"),
            alt.Tooltip("to:N", title="to"),
            alt.Tooltip("count:Q", title=count, format=","),
        ],
    )
    label = base.transform_filter("datum.kind === 'beyond'").mark_text(dy=-6, fontSize=10, align="right", dx=6)
    labels = label.encode(x=alt.X("stop:Q"), y="count:Q", text=alt.value("and more"))
    return alt.layer(bars, labels).properties(width="container", height=180)


def _upper_edge(row: Mapping[str, Any]) -> str:
    return "the largest" if row.get("beyond") else f"{row['stop']:,.4g}"


def lorenz(rows: Rows, *, who: str, what: str) -> "alt.LayerChart | alt.FacetChart":
    """A Lorenz curve from `x` (share of who, poorest first) and `y` (share of what); the diagonal is equality."""
    import altair as alt

    share = alt.Axis(format="%")
    curve = (
        _base(rows, "container", 180)
        .mark_line(color=ORANGE, strokeWidth=1.8, point="transparent")
        .encode(
            x=alt.X("x:Q", title=f"share of {who}", axis=share, scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("y:Q", title=f"share of {what}", axis=share, scale=alt.Scale(domain=[0, 1])),
            tooltip=[
                alt.Tooltip("x:Q", title=f"share of {who}", format=".1%"),
                alt.Tooltip("y:Q", title=f"share of {what}", format=".1%"),
            ],
        )
    )
    ends = alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    equal = alt.Chart(ends).mark_line(strokeDash=[4, 3], color=GREY).encode(x="x:Q", y="y:Q")
    return alt.layer(equal, curve).properties(width="container", height=180)


def ranking(rows: Rows, *, label: str, value: str, title: str, form: str = ",") -> "alt.LayerChart | alt.FacetChart":
    """Horizontal bars, largest first, with their figures beside them."""
    import altair as alt

    base = _base(rows, "container", max(24 * len(rows), 60)).encode(
        y=alt.Y(f"{label}:N", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False)),
        x=alt.X(f"{value}:Q", title=None, axis=None),
        tooltip=[f"{label}:N", alt.Tooltip(f"{value}:Q", title=title, format=form)],
    )
    bars = base.mark_bar(color=ORANGE, height=10, cornerRadius=2)
    figures = base.mark_text(align="left", dx=5, fontSize=11).encode(text=alt.Text(f"{value}:Q", format=form))
    return alt.layer(bars, figures).properties(width="container", height=max(24 * len(rows), 60))


def lines(rows: Rows, *, x: str, y: str, series: str, axis: str) -> "alt.Chart":
    """Several measures over one numbered axis, such as metrics per epoch or per trial."""
    import altair as alt

    return (
        _base(rows, "container", 180)
        .mark_line(point=True)
        .encode(
            x=alt.X(f"{x}:Q", title=axis, axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y(f"{y}:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.Color(f"{series}:N", title=None),
            tooltip=[f"{x}:Q", f"{series}:N", alt.Tooltip(f"{y}:Q", format=".4f")],
        )
    )


def value_and_band(rows: Rows, *, name: str) -> "alt.LayerChart | alt.FacetChart":
    """A check's value over time against its band; each point is coloured by its verdict (`state`)."""
    import altair as alt

    base = _base(rows, "container", 200).encode(x=_time("at"))
    scale = alt.Scale(domain=["pass", "warn", "fail"], range=[GREEN, AMBER, RED])
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format=",.4~g"), scale=alt.Scale(zero=False))
    layers: list[Any] = []
    if any(row.get("low") is not None and row.get("high") is not None for row in rows):
        area = base.mark_area(color=GREEN, opacity=0.14)
        layers.append(area.encode(y=alt.Y("low:Q", title=None), y2="high:Q"))
    limits = base.mark_line(color=GREY, strokeDash=[4, 3], strokeWidth=1)
    given = [edge for edge in ("low", "high") if any(row.get(edge) is not None for row in rows)]
    layers.extend(limits.encode(y=f"{edge}:Q") for edge in given)
    layers.append(base.mark_line(color=GREY, strokeWidth=1).encode(y=y))
    points = base.mark_circle(size=42, opacity=1).encode(
        y=y,
        color=alt.Color("state:N", title=None, scale=scale),
        tooltip=[alt.Tooltip("at:T", format="%d %b %Y %H:%M"), alt.Tooltip("value:Q", title=name), "state:N", "run:N"],
    )
    return alt.layer(*layers, points).properties(width="container", height=200)


def graph(nodes: Rows, edges: Rows) -> "alt.LayerChart | alt.FacetChart":
    """A graph from nodes (`name`, `x`, `y`, `state`, `health`, `note`, `url`) and edges (`x`, `y`, `x2`, `y2`).

    `state` is the colour, `health` what the tooltip calls it.
    """
    import altair as alt

    depth = max((node["x"] for node in nodes), default=0)
    rows = max((node["y"] for node in nodes), default=0)
    height = round(52 * (rows + 1.2))
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.6, depth + 0.9], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[rows + 0.5, -0.7], nice=False))
    colour = alt.Color(
        "state:N", title=None, scale=alt.Scale(domain=list(STATE_COLOURS), range=list(STATE_COLOURS.values()))
    )
    links = _base(edges, "container", height).mark_rule(color=GREY, opacity=0.4)
    points, told = _base(nodes, "container", height), ["name:N", "health:N", "note:N"]
    dots = points.mark_circle(size=190, opacity=1).encode(x=x, y=y, color=colour, href="url:N", tooltip=told)
    names = points.mark_text(dy=-14, fontSize=10.5).encode(x=x, y=y, text="name:N", href="url:N", tooltip=told)
    drawn = alt.layer(links.encode(x=x, y=y, x2="x2:Q", y2="y2:Q"), dots, names)
    return drawn.properties(width="container", height=height)


def _time(column: str, rows: Rows | None = None, **more: Any) -> "alt.X":
    """A time axis in UTC. Over a few days the ticks are days: finer ones would repeat the same date."""
    import altair as alt

    few = rows is not None and len({row[column] for row in rows}) <= FEW_DAYS
    axis = alt.Axis(
        format="%d %b", labelAngle=0, labelOverlap="greedy", labelSeparation=10, tickCount="day" if few else 6
    )
    return alt.X(f"{column}:T", title=None, axis=axis, scale=alt.Scale(type="utc"), **more)

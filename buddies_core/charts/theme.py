"""Colours and type of charts, a chart of bare rows, and its picture.

Colours and type come from a theme, which whoever draws the chart applies: the dashboard `IN_PAGE`, and `png` one of
`THEMES`. Colours that carry meaning are the same in both themes and readable on both.
"""

from collections.abc import Mapping, Sequence
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
STATE_COLOURS = {"ok": GREEN, "warn": AMBER, "fail": RED, "unknown": GREY}
"""Colours of a health, wherever it is drawn."""
_SERIES = [BLUE, GREEN, ORANGE, VIOLET, AMBER, RED, GREY]
LABEL_SIZE, LABEL_PADDING = 11, 6
"""Of the labels of axes, in pixels; the padding is that beside a vertical axis."""
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
            "labelFontSize": LABEL_SIZE,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False, "tickCount": 5, "labelPadding": LABEL_PADDING},
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


def base(rows: Rows, width: Any, height: int) -> "alt.Chart":
    """A chart of these rows, before it is told what to draw."""
    import altair as alt

    return alt.Chart(alt.Data(values=[dict(row) for row in rows]), width=width, height=height)

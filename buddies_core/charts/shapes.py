"""How a measure is spread: histograms, Lorenz curves, rankings, and several measures over one numbered axis."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from buddies_core.charts.theme import BLUE, GREY, LABEL_PADDING, LABEL_SIZE, ORANGE, Rows, base

if TYPE_CHECKING:
    import altair as alt

FEW_TICKS = 8
_CHARACTER = 0.64 * LABEL_SIZE
"""Width of a character in the widest usual font, in pixels. Whoever draws measures labels in a font of its own, and a
browser with a wider one would cut them at the edge; the padding at the right is for the figures likewise."""
_LONGEST = 160
"""Pixels after which a label is cut with an ellipsis, in the font of whoever draws."""


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
    layer = base(told, "container", 180)
    bars = layer.mark_bar().encode(
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
    label = layer.transform_filter("datum.kind === 'beyond'").mark_text(dy=-6, fontSize=10, align="right", dx=6)
    labels = label.encode(x=alt.X("stop:Q"), y="count:Q", text=alt.value("and more"))
    return alt.layer(bars, labels).properties(width="container", height=180)


def _upper_edge(row: Mapping[str, Any]) -> str:
    return "the largest" if row.get("beyond") else f"{row['stop']:,.4g}"


def lorenz(rows: Rows, *, who: str, what: str) -> "alt.LayerChart | alt.FacetChart":
    """A Lorenz curve from `x` (share of who, poorest first) and `y` (share of what); the diagonal is equality."""
    import altair as alt

    share = alt.Axis(format="%")
    curve = (
        base(rows, "container", 180)
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

    longest = max((len(str(row[label])) for row in rows), default=0)
    room = min(longest * _CHARACTER, _LONGEST * 1.15)
    axis = alt.Axis(domain=False, ticks=False, labelLimit=_LONGEST, minExtent=room + LABEL_PADDING)
    layer = base(rows, "container", max(24 * len(rows), 60)).encode(
        y=alt.Y(f"{label}:N", sort=None, title=None, axis=axis),
        x=alt.X(f"{value}:Q", title=None, axis=None),
        tooltip=[f"{label}:N", alt.Tooltip(f"{value}:Q", title=title, format=form)],
    )
    bars = layer.mark_bar(color=ORANGE, height=10, cornerRadius=2)
    figures = layer.mark_text(align="left", dx=5, fontSize=11).encode(text=alt.Text(f"{value}:Q", format=form))
    return alt.layer(bars, figures).properties(
        width="container", height=max(24 * len(rows), 60), padding={"left": 5, "top": 5, "right": 14, "bottom": 5}
    )


def lines(rows: Rows, *, x: str, y: str, series: str, axis: str) -> "alt.Chart":
    """Several measures over one numbered axis, such as metrics per epoch or per trial."""
    import altair as alt

    # Between two whole numbers there is none to label: ticks of their own would say one of them twice.
    distinct = sorted({row[x] for row in rows})
    few: Any = distinct if len(distinct) <= FEW_TICKS else alt.Undefined
    return (
        base(rows, "container", 180)
        .mark_line(point=True)
        .encode(
            x=alt.X(f"{x}:Q", title=axis, axis=alt.Axis(format="d", tickMinStep=1, values=few)),
            y=alt.Y(f"{y}:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.Color(f"{series}:N", title=None),
            tooltip=[f"{x}:Q", f"{series}:N", alt.Tooltip(f"{y}:Q", format=".4f")],
        )
    )

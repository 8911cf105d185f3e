"""A graph of named nodes."""

from typing import TYPE_CHECKING

from buddies_core.charts.theme import GREY, STATE_COLOURS, Rows, base

if TYPE_CHECKING:
    import altair as alt


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
    links = base(edges, "container", height).mark_rule(color=GREY, opacity=0.4)
    points, told = base(nodes, "container", height), ["name:N", "health:N", "note:N"]
    dots = points.mark_circle(size=190, opacity=1).encode(x=x, y=y, color=colour, href="url:N", tooltip=told)
    names = points.mark_text(dy=-14, fontSize=10.5).encode(x=x, y=y, text="name:N", href="url:N", tooltip=told)
    drawn = alt.layer(links.encode(x=x, y=y, x2="x2:Q", y2="y2:Q"), dots, names)
    return drawn.properties(width="container", height=height)

"""Lineage: the asset graph from left to right, coloured by health."""

from collections import defaultdict

from buddies_core import charts
from quality.dashboard.context import Context
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, View

EMPTY = "No asset of the graph is chosen: clear the filters."
STAGGER = 0.5
"""Rows by which every other column is lowered, so that long names of neighbours do not meet."""


def view(context: Context) -> View:
    """The page."""
    subtitle = "From raw files to what is served and back through feedback; each node opens the asset in Dagster"
    figure = Figure(
        "graph",
        "Asset graph",
        "Coloured by health: green passes, amber warns or rests on a failure, red fails, grey was never made",
        EMPTY,
        wide=True,
    )
    return View("Lineage", subtitle, figures=[figure], tables=[edges(context)])


def graph(context: Context) -> Plot | None:
    """The graph of the chosen assets; those of one column are spread evenly round its middle."""
    seen, columns = context.graph, defaultdict[int, list[str]](list)
    for asset, column in seen.layers().items():
        if context.chosen(asset):
            columns[column].append(asset)
    if not columns:
        return None
    tallest = max(len(members) for members in columns.values())
    place = {
        asset: (float(column), (tallest - len(members)) // 2 + row + STAGGER * (column % 2))
        for column, members in columns.items()
        for row, asset in enumerate(members)
    }
    nodes = [
        {
            "name": asset,
            "x": x,
            "y": y,
            "state": context.health[asset].state.tone,
            "health": context.health[asset].state.label,
            "note": context.health[asset].reason,
            "url": context.asset_url(asset),
        }
        for asset, (x, y) in place.items()
    ]
    links = [
        {"x": place[up][0], "y": place[up][1], "x2": place[asset][0], "y2": place[asset][1]}
        for asset, ups in seen.drawn.items()
        for up in ups
        if {asset, up} <= place.keys()
    ]
    return plot(charts.graph, nodes, links)


def edges(context: Context) -> Table:
    """The graph as a table, for those who do not see it."""
    seen = context.graph
    found = [
        {
            "health": context.health[asset].state.label,
            "asset": asset,
            "upstream": ", ".join(ups) or "files",
            "reason": context.health[asset].reason,
            "run": context.run_of(asset),
        }
        for asset, ups in sorted(seen.drawn.items(), key=lambda drawn: seen.layers()[drawn[0]])
        if context.chosen(asset)
    ]
    columns = (
        Column("health", "Health", "state"),
        Column("asset", "Asset", "asset"),
        Column("upstream", "Made of"),
        Column("reason", "Why"),
        Column("run", "Run", "run"),
    )
    return Table("edges", "The graph as a table", "In the order of the data's flow", columns, found, EMPTY)


PAGE = Page("lineage", "Lineage", view, charts={"graph": graph}, tables={"edges": edges})

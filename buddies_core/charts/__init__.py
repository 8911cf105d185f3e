"""One chart vocabulary for Dagster's metadata, the dashboard and the README: Altair charts from plain rows.

A builder takes rows (dictionaries of JSON values), the names of its columns and what its axes mean; it returns an
Altair chart with the rows inside, without colours of a theme (`buddies_core.charts.theme`).
"""

from buddies_core.charts.graphs import graph
from buddies_core.charts.over_time import bars_over_time, cumulative, line_over_time, value_and_band
from buddies_core.charts.shapes import histogram, lines, lorenz, ranking
from buddies_core.charts.theme import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    IN_PAGE,
    ORANGE,
    RED,
    STATE_COLOURS,
    THEMES,
    VIOLET,
    Rows,
    Theme,
    png,
)

__all__ = [
    "AMBER",
    "BLUE",
    "GREEN",
    "GREY",
    "IN_PAGE",
    "ORANGE",
    "RED",
    "STATE_COLOURS",
    "THEMES",
    "VIOLET",
    "Rows",
    "Theme",
    "bars_over_time",
    "cumulative",
    "graph",
    "histogram",
    "line_over_time",
    "lines",
    "lorenz",
    "png",
    "ranking",
    "value_and_band",
]

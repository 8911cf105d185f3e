"""The plots on materialisations: the charts of the dashboard, rendered as images for Dagster's pages."""

import base64
from collections.abc import Sequence
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

WIDTH, HEIGHT, SCALE = 520, 240, 1.5
LORENZ_POINTS = 200


def image(chart: Any, title: str, *, width: int = WIDTH) -> dg.MarkdownMetadataValue:
    """An Altair chart as a metadata entry."""
    from buddies_core.charts import png

    drawn = png(chart.properties(title=title, width=width, height=HEIGHT), scale=SCALE)
    encoded = base64.b64encode(drawn).decode("ascii")
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{encoded})")


def histogram(
    values: pl.Series, title: str, axis: str, *, bins: int = 40, until: float = 0.99
) -> dg.MarkdownMetadataValue:
    """How a measure is distributed over users; what lies beyond the quantile `until` is gathered in the last bar."""
    from buddies_core import charts

    numbers = values.drop_nulls().to_numpy().astype(np.float64)
    top = float(np.quantile(numbers, until)) if len(numbers) else 1.0
    counts, edges = np.histogram(np.minimum(numbers, top), bins=bins)
    rows = [
        {"start": float(start), "stop": float(stop), "count": int(count)}
        for start, stop, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    return image(charts.histogram(rows, axis=axis), title)


def lorenz(owned: pl.Series) -> dg.MarkdownMetadataValue:
    """The Lorenz curve of ownership: what share of owned playlists the least-owning share of owners holds."""
    from buddies_core import charts

    held = np.sort(owned.to_numpy())
    share = np.concatenate([[0.0], np.cumsum(held) / max(1, held.sum())])
    owners = np.linspace(0, 1, len(share))
    every = np.unique(np.linspace(0, len(share) - 1, LORENZ_POINTS).astype(int))
    rows = [{"x": float(owners[i]), "y": float(share[i])} for i in every]
    chart = charts.lorenz(rows, who="owners", what="owned playlists")
    return image(chart, "Lorenz curve of ownership (straight: perfect equality)", width=HEIGHT)


def lines(frame: pl.DataFrame, x: str, measures: Sequence[str], title: str) -> dg.MarkdownMetadataValue:
    """Several measures over one axis, such as metrics per epoch."""
    from buddies_core import charts

    long = frame.select(x, *measures).unpivot(index=x, variable_name="measure", value_name="value")
    return image(charts.lines(long.to_dicts(), x=x, y="value", series="measure", axis=x), title)

"""The plots on materialisations: small ones that Dagster shows in place, and charts of the dashboard as images."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from buddies_assets.small_svg import bars, curves

WIDTH, HEIGHT, SCALE = 520, 240, 1.5
LORENZ_POINTS = 24


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
    numbers = values.drop_nulls().to_numpy().astype(np.float64)
    top = float(np.quantile(numbers, until)) if len(numbers) else 1.0
    if len(numbers) and values.dtype.is_integer() and (top := math.ceil(top)) - numbers.min() < bins:
        bins = int(top - numbers.min()) + 1  # a bar for each number: other bars would hold one or two of them by turns
    counts, edges = np.histogram(np.minimum(numbers, top), bins=bins)
    beyond = " or more" if len(numbers) and numbers.max() > top else ""
    return dg.MetadataValue.md(bars(title, counts.tolist(), f"{edges[0]:.4g}", f"{edges[-1]:.4g}{beyond} {axis}"))


def lorenz(owned: pl.Series) -> dg.MarkdownMetadataValue:
    """The Lorenz curve of ownership: what share of owned playlists the least-owning share of owners holds."""
    held = np.sort(owned.to_numpy())
    share = np.concatenate([[0.0], np.cumsum(held) / max(1, held.sum())])
    owners = np.linspace(0, 1, len(share))
    every = np.unique(np.linspace(0, len(share) - 1, LORENZ_POINTS).astype(int)).tolist()
    curve = [(float(owners[i]), float(share[i])) for i in every]
    equal = [(0.0, 0.0), (1.0, 1.0)]
    return dg.MetadataValue.md(curves("Lorenz curve of ownership", [("playlists", curve), ("equality", equal)]))


def lines(frame: pl.DataFrame, x: str, measures: Sequence[str], title: str) -> dg.MarkdownMetadataValue:
    """Several measures over one axis, such as metrics per epoch."""
    named = []
    for measure in measures:
        known = frame.select(pl.col(x).cast(pl.Float64), pl.col(measure).cast(pl.Float64)).drop_nulls()
        points = list(known.iter_rows())
        named.append((f"{measure} {points[-1][1]:.3g}" if points else measure, points))
    return dg.MetadataValue.md(curves(title, named))

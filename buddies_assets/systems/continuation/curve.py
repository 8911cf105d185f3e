"""The training curve as a page that answers to the pointer."""

from pathlib import Path

import polars as pl

MEASURES = ("loss", "auc", "precision", "recall", "f1")


def write_curve(path: Path, curve: pl.DataFrame) -> Path:
    """Write the page: loss above, figures of the validation links below, both to zoom and with values at the pointer.

    The page holds its own copy of the drawing library, so it opens without a network.
    """
    import altair as alt

    rows = curve.unpivot(index="epoch", on=list(MEASURES), variable_name="measure", value_name="value").to_dicts()
    points = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("epoch:Q", title="epoch"),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
        color=alt.Color("measure:N", title=None),
        tooltip=["epoch:Q", "measure:N", alt.Tooltip("value:Q", format=".4f")],
    )
    drawn = [
        points.mark_line(point=True)
        .transform_filter(test)
        .properties(width=640, height=height, title=title)
        .interactive()
        for test, height, title in (
            ("datum.measure == 'loss'", 160, "Loss of a step, mean of the epoch"),
            ("datum.measure != 'loss'", 280, "Validation links, one even negative each"),
        )
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    chart = alt.vconcat(*drawn).properties(title="GraphSAGE")
    path.write_text(chart.to_html(inline=True), encoding="utf-8")
    return path

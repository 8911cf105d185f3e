"""Small drawings in Dagster's metadata: short enough to be shown in place, and true to what they draw."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from buddies_assets import plots
from buddies_assets.small_svg import HEIGHT, LONGEST, bars, curves, merged, thinned

SVG = "{http://www.w3.org/2000/svg}"


def drawn(markdown: str) -> ElementTree.Element:
    found = re.search(r"!\[\]\(data:image/svg\+xml,([^ )\n]*)\)$", markdown)
    assert found, markdown
    return ElementTree.fromstring(unquote(found[1]))


def heights(markdown: str) -> list[int]:
    path = drawn(markdown).find(f"{SVG}path")
    assert path is not None
    return [int(height) for height in re.findall(r"v-(\d+)h", path.get("d", ""))]


def texts(markdown: str) -> list[str]:
    return [text.text or "" for text in drawn(markdown).iter(f"{SVG}text")]


def test_a_bar_is_as_high_as_its_count_and_none_that_counts_is_invisible():
    found = bars("Songs", [4, 2, 0, 1], "0", "8 songs")
    assert heights(found) == [HEIGHT, HEIGHT // 2, HEIGHT // 4]
    assert heights(bars("Songs", [100_000, 1], "0", "2")) == [HEIGHT, 1]
    assert texts(found) == ["0", "8 songs"]


@pytest.mark.parametrize("count", [1, 7, 40, 1000])
def test_markdown_is_shorter_than_what_dagster_shows_in_place(count):
    generator = np.random.default_rng(count)
    long = "Playlists that share a song with a user, at the end of a very long title of a plot"
    histogram = bars(long, generator.integers(1, 10**9, count).tolist(), "0.0001234", "123,456 or more playlists")
    points = [(float(x), float(y)) for x, y in enumerate(generator.random(count))]
    three = curves(long, [(name, points) for name in ("mrr 0.123", "hit_5 0.123", "third 0.123")])
    assert max(len(histogram), len(three)) <= LONGEST
    assert histogram.startswith(long)
    drawn(three)


def test_neighbours_are_added_up_and_the_ends_of_a_curve_stay():
    assert merged([1, 2, 3, 4, 5], 2) == [6, 9]
    assert merged([1, 2], 5) == [1, 2]
    assert merged([], 5) == []
    points = [(float(n), float(n * n)) for n in range(100)]
    kept = thinned(points, 5)
    assert (len(kept), kept[0], kept[-1]) == (5, points[0], points[-1])
    assert set(kept) <= set(points)


def test_a_curve_reaches_from_corner_to_corner_and_a_flat_one_stands_in_the_middle():
    (line,) = drawn(curves("Up", [("rising", [(0.0, 0.0), (1.0, 5.0)])])).iter(f"{SVG}polyline")
    assert line.get("points") == f"0,{HEIGHT},240,0"
    (flat,) = drawn(curves("Flat", [("level", [(0.0, 2.0), (1.0, 2.0)])])).iter(f"{SVG}polyline")
    assert flat.get("points") == f"0,{HEIGHT // 2},240,{HEIGHT // 2}"


def test_a_title_from_outside_cannot_end_the_drawing():
    assert texts(bars("T", [1], "0", "5 </text><script>'x'"))[1] == "5 /textscript'x'"


def test_the_plots_of_assets_are_such_drawings():
    counts = pl.Series([1] * 90 + [2] * 9 + [50])
    histogram = plots.histogram(counts, "Liked", "playlists").value
    assert texts(histogram) == ["1", "3 or more playlists"]
    assert heights(histogram) == [80, 8, 1]
    epochs = pl.DataFrame({"epoch": [1, 2, 3], "mrr": [0.1, None, 0.3]})
    assert "mrr 0.3" in texts(plots.lines(epochs, "epoch", ["mrr"], "MRR").value)
    assert len(list(drawn(plots.lorenz(pl.Series([1, 1, 8])).value).iter(f"{SVG}polyline"))) == 2
    for empty in (
        plots.histogram(pl.Series([], dtype=pl.Int64), "None", "x"),
        plots.lorenz(pl.Series([], dtype=pl.Int64)),
    ):
        drawn(empty.value)

"""Charts as SVG, drawn on the server and kept: a browser shows them without a chart library.

Colours are variables of the page's style sheet, so one drawing serves both themes. Every mark carries what its tooltip
says as `aria-label`, for screen readers and for the page's own tooltip.
"""

import threading
from collections import OrderedDict
from typing import Any

from buddies_core.charts import IN_PAGE
from quality.dashboard.labels import describe_marks
from quality.dashboard.plot import Plot

WIDTHS = (280, 340, 410, 500, 600, 720, 860, 1030, 1240)
"""Widths that are drawn, in pixels. A browser stretches a drawing to the width it has, by a tenth at most."""
COLUMN, FULL = 600, 1240
"""Widths of a chart in one of two columns and across the page, in windows of 1,200 pixels and more."""
NARROW, NARROW_LEGEND = 450, 3
"""Width below which a legend has so many columns."""
EXAMPLES = "https://vega.github.io/vega-datasets/"
MOST_KEPT = 400
"""Drawings in memory; one is about 15 kB."""


class Drawings:
    """The SVG of each chart and width that was asked for lately."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._lock = threading.Lock()

    def svg(self, plot: Plot, width: int) -> str:
        """The chart at the drawn width nearest to `width`."""
        nearest = min(WIDTHS, key=lambda drawn: max(drawn, width) / min(drawn, width))
        key = (plot.key, nearest)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = draw(plot.spec(), nearest)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


def draw(spec: dict[str, Any], width: int) -> str:
    """Vega-Lite as SVG of a width, axes included."""
    import vl_convert

    # A legend in one line is cut where the drawing ends; on a phone it takes more lines.
    legend = IN_PAGE["legend"] | ({"columns": NARROW_LEGEND} if width < NARROW else {})
    config = {**IN_PAGE, "legend": legend}
    sized = spec | {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}, "config": config}
    vega = vl_convert.vegalite_to_vega(sized)
    describe_marks(vega["marks"])
    # Vega takes a link without a host for one of its examples; here it is one of the page's own.
    return vl_convert.vega_to_svg(vega).replace(f'href="{EXAMPLES}', 'href="')

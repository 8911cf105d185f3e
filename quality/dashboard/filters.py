"""What the templates call: numbers, times and small drawings as text."""

import math
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment

from buddies_core import json_text
from quality.dashboard import inline
from quality.health import State

ROWS_AT_ONCE = 20
"""Rows of a table that are laid out for the first paint, more than its frame shows; the others follow at once."""
SPARK_WIDTH, SPARK_HEIGHT = 84, 18
TONES = {state.label: state.tone for state in State} | {
    "pass": "ok",
    "open": "fail",
    "acknowledged": "warn",
    "muted": "unknown",
    "resolved": "ok",
    "better": "ok",
    "worse": "warn",
}
"""Colour of each state that a cell may say."""


def install(environment: Environment, dagster_url: str) -> None:
    """Adds the filters to a template environment."""
    environment.filters["figure"] = figure
    environment.filters["moment"] = moment
    environment.filters["tone"] = lambda label: TONES.get(label, "unknown")
    environment.filters["spark"] = spark
    environment.filters["strip_words"] = strip_words
    environment.filters["strip_paths"] = strip_paths
    environment.globals["run_url"] = lambda run_id: f"{dagster_url}/runs/{quote(str(run_id))}"
    environment.globals["inline"] = inline
    environment.globals["rows_at_once"] = ROWS_AT_ONCE
    environment.trim_blocks = environment.lstrip_blocks = True


def figure(value: Any) -> str:
    """A number as people read it: thousands apart, four significant digits after the point."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return "–"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def moment(value: datetime | None) -> str:
    """A time to the minute, in UTC."""
    return value.strftime("%d %b %Y %H:%M UTC") if value else "–"


def spark(values: Sequence[float]) -> str:
    """Points of an SVG polyline through the values, or nothing for fewer than two."""
    values = [value for value in values if math.isfinite(value)]
    if len(values) < 2:
        return ""
    low, span = min(values), (max(values) - min(values)) or 1
    step = SPARK_WIDTH / (len(values) - 1)
    return " ".join(
        f"{i * step:.1f},{SPARK_HEIGHT - 2 - (value - low) / span * (SPARK_HEIGHT - 4):.1f}"
        for i, value in enumerate(values)
    )


def strip_words(strip: str) -> str:
    """A strip of evaluations for those who do not see it."""
    failed, warned = strip.count("f"), strip.count("w")
    return f"{len(strip)} evaluations: {failed} failed, {warned} warned, {len(strip) - failed - warned} passed"


def strip_paths(strip: str) -> list[tuple[str, str]]:
    """(mark, path) for each verdict in a strip: one shape for all bars of a colour, since thousands of elements would
    hold up the first paint of a long table. Bars in a row are one line, which the style sheet dashes."""
    lines: dict[str, str] = {}
    for found in re.finditer(r"(.)\1*", strip):
        line = f"M{5 * found.start()} 7.5h{5 * len(found[0]) - 1.5}"
        lines[found[1]] = lines.get(found[1], "") + line
    return list(lines.items())


def to_json(value: Any) -> str:
    """JSON with times in ISO form."""
    return json_text.dumps(value, default=lambda v: v.isoformat() if isinstance(v, (date, datetime)) else str(v))

"""How cost grows: reports of `full` at several sizes, and the exponent of each step fitted over them.

Seconds are those of the processor, all threads together: other work on the machine does not lengthen them much.

`python -m benchmarks.growth 1.json 3.json 10.json`: seconds ~ users^a, playlists growing alike;
and seconds ~ work^b, work being what the step should be proportional to (pairs, meetings, samples, rows).
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

FEWEST_SECONDS = 0.5
"""A point below this is Dagster's own time and noise, and is left out of a fit."""


def exponent(sizes: list[float], costs: list[float]) -> float:
    """Slope of log cost over log size by least squares; NaN from fewer than two sizes."""
    points = [(math.log(size), math.log(cost)) for size, cost in zip(sizes, costs, strict=True)]
    if len({x for x, _ in points}) < 2:
        return math.nan
    x_mean, y_mean = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread


def growth(reports: list[dict[str, Any]]) -> list[tuple[str, list[float], float, float, float]]:
    """For each step: its seconds at each size, the exponents by users and by work, seconds for a unit of work."""
    steps = [row["step"] for row in reports[-1]["rows"]]
    found = []
    for step in steps:
        rows = [row for report in reports for row in report["rows"] if row["step"] == step]
        users = [_users(report) for report in reports if any(row["step"] == step for row in report["rows"])]
        told = [(n, row) for n, row in zip(users, rows, strict=True) if row["cpu_seconds"] >= FEWEST_SECONDS]
        worked = [(row["work"], row["cpu_seconds"]) for _, row in told if row["work"] > 0]
        by_users = exponent([n for n, _ in told], [row["cpu_seconds"] for _, row in told])
        by_work = exponent([work for work, _ in worked], [seconds for _, seconds in worked])
        unit = rows[-1]["cpu_seconds"] / rows[-1]["work"] if rows[-1]["work"] else math.nan
        found.append((step, [row["cpu_seconds"] for row in rows], by_users, by_work, unit))
    return found


def _users(report: dict[str, Any]) -> float:
    """Users of the run, from its first note."""
    return float(report["notes"][0].split(" users")[0].replace(",", ""))


def _told(power: float) -> str:
    return "–" if math.isnan(power) else f"{power:.2f}"


def main() -> None:
    """Prints the table as Markdown."""
    reports = sorted((json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]), key=_users)
    heads = " | ".join(f"{_users(report):,.0f} users" for report in reports)
    print(f"| step | {heads} | ~ users^a | ~ work^b |\n|---|{'--:|' * (len(reports) + 2)}")
    for step, seconds, by_users, by_work, _ in growth(reports):
        cells = " | ".join(f"{value:,.1f} s" for value in seconds)
        print(f"| {step} | {cells} | {_told(by_users)} | {_told(by_work)} |")


if __name__ == "__main__":
    main()

"""Overview: is everything healthy? One row an asset, what is open and since when, what the checks cover."""

from collections.abc import Sequence
from typing import Any

from buddies_core import charts
from quality.coverage import coverage
from quality.dashboard.context import Context
from quality.dashboard.pages.common import next_retraining, open_failures
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, age, number, percent
from quality.health import State
from quality.history import checks


def view(context: Context) -> View:
    """The page."""
    states = [health.state for health in context.health.values() if health.state is not State.UNKNOWN]
    healthy, failing = sum(s is State.OK for s in states), [r for r in context.standing if not r["last_passed"]]
    errors = [r for r in failing if r["severity"] == "error"]
    progress, last = next_retraining(context)
    oldest = min((r["failing_since"] for r in failing if r["failing_since"]), default=None)
    columns = {name: list(manifest.columns) for name, manifest in context.sources.manifests.items()}
    covered = coverage(columns, {r["asset"] for r in context.standing})
    tiles = [
        Tile("Healthy assets", f"{healthy} of {len(states)}", _worst(states), _state(max(states, default=State.OK))),
        Tile(
            "Open failures",
            number(len(failing)),
            f"oldest open for {age((context.now - oldest).total_seconds())}" if oldest else "nothing is open",
            "fail" if errors else "warn" if failing else "ok",
        ),
        Tile("Assets covered", _share(covered.assets, covered.of_assets), f"{covered.assets} of {covered.of_assets}"),
        Tile(
            "Columns covered", _share(covered.columns, covered.of_columns), f"{covered.columns} of {covered.of_columns}"
        ),
        Tile(
            "Last retraining",
            f"{age((context.now - last['at']).total_seconds())} ago" if last else "never",
            f"version {last['version']}" if last else "materialise bpr_checkpoint",
            run_id=last["run_id"] if last else None,
        ),
        Tile("Next retraining", number(max(0, progress.whole - progress.done)), "more feedback sessions needed"),
    ]
    figure = Figure(
        "failures", "Failed evaluations per day", "By severity", "No check failed in this range.", wide=True
    )
    return View(
        title="Is everything healthy?",
        subtitle=_sentence(healthy, len(states), failing),
        tiles=tiles,
        tables=[open_failures(context), assets_table(context)],
        figures=[figure],
        progress=progress,
        notice="" if context.latest or context.standing else NOTHING,
    )


NOTHING = (
    "Nothing has been materialised yet. Run `make run` (or materialise the assets in Dagster's UI); "
    "the dashboard fills by itself within seconds."
)


def assets_table(context: Context) -> Table:
    """One row an asset, the unhealthy first."""
    by_asset: dict[str, list[dict[str, Any]]] = {}
    for row in context.standing:
        by_asset.setdefault(row["asset"], []).append(row)
    found = []
    for name, health in sorted(context.health.items(), key=lambda item: (-_rank(item[1].state), item[0])):
        made, of = context.latest.get(name), by_asset.get(name, [])
        found.append(
            {
                "asset": name,
                "health": health.state.label,
                "reason": health.reason,
                "age": age((context.now - made["at"]).total_seconds()) if made else "–",
                "rows": made["row_count"] if made else None,
                "trend": [n for n in (made["trend"] or []) if n is not None] if made else [],
                "checks": f"{sum(r['last_passed'] for r in of)} of {len(of)}",
                "run": made["run_id"] if made else None,
            }
        )
    columns = (
        Column("health", "Health", "state"),
        Column("asset", "Asset", "code"),
        Column("reason", "Why"),
        Column("age", "Age"),
        Column("rows", "Rows", "number"),
        Column("trend", "Rows, last 30", "trend"),
        Column("checks", "Checks passing"),
        Column("run", "Run", "run"),
    )
    subtitle = "Health is the worst of the last materialisation, its age and its checks"
    return Table("assets", "Assets", subtitle, columns, found, NOTHING)


def failures(context: Context) -> Plot | None:
    """Failed evaluations a day."""
    found = checks.failures_by_day(context.connection, context.period.since, context.period.until)
    rows = [{"day": r["day"].isoformat(), "severity": r["severity"], "failures": r["failures"]} for r in found]
    colours = {"error": charts.RED, "warn": charts.AMBER}
    return (
        plot(charts.bars_over_time, rows, y="failures", title="failures", series="severity", colours=colours)
        if rows
        else None
    )


def _rank(state: State) -> int:
    return -1 if state is State.UNKNOWN else int(state)


def _state(state: State) -> str:
    return state.label if state is not State.UNKNOWN else ""


def _worst(states: Sequence[State]) -> str:
    failing, warned = sum(s is State.FAIL for s in states), sum(s is State.WARN for s in states)
    return f"{failing} failing, {warned} with warnings" if failing or warned else "all green"


def _checks(count: int) -> str:
    return "1 check is" if count == 1 else f"{count} checks are"


def _share(part: int, whole: int) -> str:
    return percent(part / whole, 0) if whole else "–"


def _sentence(healthy: int, known: int, failing: list[dict[str, Any]]) -> str:
    if not known:
        return "Nothing is known yet."
    if not failing:
        return f"All checks pass on {known} assets."
    return f"{known - healthy} of {known} assets need attention; {_checks(len(failing))} open."


PAGE = Page(
    "overview",
    "Overview",
    view,
    charts={"failures": failures},
    tables={"assets": assets_table, "open": open_failures},
)

"""Checks: failures first, filters, and for one check its value against its band, its rule and the rows that failed."""

from typing import Any

from buddies_core import charts
from quality.dashboard.context import Context
from quality.dashboard.pages.common import CHECK_COLUMNS, band, check_rows
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, age, number, percent
from quality.history import checks

EMPTY = "No check matches. Clear the filters; if there is none at all, run `quality_job` or materialise the assets."
FILTERS = ("asset", "state", "severity", "search")


def view(context: Context) -> View:
    """The page: all checks that pass the filters of the URL."""
    found = context.standing
    failing, warned = sum(r["state"] == "fail" for r in found), sum(r["state"] == "warn" for r in found)
    evaluations, failures = sum(r["evaluations"] for r in found), sum(r["failures"] for r in found)
    tiles = [
        Tile("Checks", number(len(found)), f"on {len({r['asset'] for r in found})} assets"),
        Tile("Failing", number(failing), "severity error", "fail" if failing else "ok"),
        Tile("Warnings", number(warned), "severity warn", "warn" if warned else "ok"),
        Tile("Blocking", number(sum(r["blocking"] for r in found)), "hold back what is built on the data"),
        Tile(
            "Evaluations kept",
            number(evaluations),
            f"{percent(failures / evaluations, 2) if evaluations else '–'} failed",
        ),
    ]
    return View("Checks", "Failures first", tiles=tiles, tables=[all_checks(context)])


def all_checks(context: Context) -> Table:
    """Every check that passes the filters."""
    shown = [row for row in context.standing if _matches(row, context.query)]
    subtitle = f"{len(shown)} of {len(context.standing)} · last 28 evaluations, newest right"
    return Table("checks", "All checks", subtitle, CHECK_COLUMNS, check_rows(context, shown), EMPTY)


def _matches(row: dict[str, Any], query: dict[str, str]) -> bool:
    text = query.get("search", "").strip().lower()
    return (
        query.get("asset", "") in ("", row["asset"])
        and query.get("state", "") in ("", row["state"])
        and query.get("severity", "") in ("", row["severity"])
        and (not text or text in f"{row['asset']} {row['check_name']} {row['rule']}".lower())
    )


def _standing(context: Context) -> dict[str, Any] | None:
    wanted = (context.query.get("asset"), context.query.get("check"))
    return next((r for r in context.standing if (r["asset"], r["check_name"]) == wanted), None)


def detail(context: Context) -> View | None:
    """The page of one check; None when there is no such check."""
    row = _standing(context)
    if row is None:
        return None
    open_for = age((context.now - row["failing_since"]).total_seconds()) if row["failing_since"] else "–"
    tiles = [
        Tile(
            "Status",
            row["state"],
            f"evaluated {age((context.now - row['last_at']).total_seconds())} ago",
            _tone(row),
            row["run_id"],
        ),
        Tile("Value", number(row["value"], _digits(row["value"])), f"band {band(row['low'], row['high'])}"),
        Tile("Offending rows", number(row["offending"]), f"of {number(row['total'])} looked at"),
        Tile("Open for", open_for, "since the first failure after the last pass"),
        Tile("Evaluations", number(row["evaluations"]), f"{number(row['failures'])} failed"),
    ]
    figure = Figure(
        "value",
        "Value against its band",
        f"Dashed: {band(row['low'], row['high'])}; each point is a run",
        "No evaluation with a value in this range. Choose a longer one.",
        wide=True,
        run_id=row["run_id"],
    )
    return View(
        title=row["check_name"].replace("_", " "),
        subtitle=f"{row['asset']} · severity {row['severity']}{' · blocking' if row['blocking'] else ''}",
        tiles=tiles,
        figures=[figure],
        tables=[sample(context), evaluations(context)],
        text=[("The rule", row["rule"] or "This check came without a description.")],
    )


def _tone(row: dict[str, Any]) -> str:
    return "ok" if row["state"] == "pass" else row["state"]


def _digits(value: float | None) -> int:
    return 0 if value is None or float(value).is_integer() else 4


def _evaluations(context: Context) -> list[dict[str, Any]]:
    asset, check = context.query.get("asset", ""), context.query.get("check", "")
    period = context.period
    return checks.evaluations(context.connection, asset, check, since=period.since, until=period.until)


def value(context: Context) -> Plot | None:
    """Value against band over time."""
    rows = [
        {
            "at": e["at"].isoformat(),
            "value": e["value"],
            "low": e["low"],
            "high": e["high"],
            "state": "pass" if e["passed"] else "fail" if e["severity"] == "error" else "warn",
            "run": e["run_id"],
        }
        for e in reversed(_evaluations(context))
        if e["value"] is not None
    ]
    return plot(charts.value_and_band, rows, name=context.query.get("check", "value")) if rows else None


def sample(context: Context) -> Table:
    """The rows that the last failure of the range showed."""
    asset, check = context.query.get("asset", ""), context.query.get("check", "")
    period = context.period
    found = checks.failed_sample(context.connection, asset, check, since=period.since, until=period.until)
    rows = (found or {}).get("sample") or []
    columns = tuple(Column(name, name) for name in (rows[0] if rows else {}))
    subtitle = f"Up to ten rows of the failure of {found['at']:%d %b %Y %H:%M} UTC" if found else "Up to ten rows"
    return Table("sample", "Sample of failed rows", subtitle, columns, rows, "No failure in this range left a sample.")


def evaluations(context: Context) -> Table:
    """Every evaluation in the range, newest first."""
    rows = [
        {
            "state": "pass" if e["passed"] else "fail" if e["severity"] == "error" else "warn",
            "when": e["at"],
            "value": e["value"],
            "band": band(e["low"], e["high"]),
            "offending": e["offending"],
            "total": e["total"],
            "partition": e["partition"] or "",
            "run": e["run_id"],
        }
        for e in _evaluations(context)
    ]
    columns = (
        Column("state", "Status", "state"),
        Column("when", "Evaluated", "when"),
        Column("value", "Value", "number"),
        Column("band", "Band"),
        Column("offending", "Rows", "number"),
        Column("total", "Looked at", "number"),
        Column("partition", "Partition"),
        Column("run", "Run", "run"),
    )
    return Table(
        "evaluations", "Evaluations", "Newest first, at most 400", columns, rows, "No evaluation in this range."
    )


PAGE = Page("checks", "Checks", view, tables={"checks": all_checks})
DETAIL = Page("check", "Check", detail, charts={"value": value}, tables={"sample": sample, "evaluations": evaluations})

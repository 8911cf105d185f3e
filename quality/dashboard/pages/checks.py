"""Checks: failures first, filters, and for one check its value against its band, its rule and the rows that failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from buddies_core import charts
from quality.dashboard.context import Context
from quality.dashboard.pages.common import CHECK_COLUMNS, band, check_rows, open_for
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, age, number, percent
from quality.health import CheckHealth, State
from quality.history import checks

EMPTY = "No check matches. Clear the filters; if there is none at all, run quality_job or materialise the assets."
FILTERS = ("asset", "state", "severity", "search")


def view(context: Context) -> View:
    """The page: all checks that pass the filters of the URL."""
    found = context.checks
    evaluations, failures = sum(c.standing.evaluations for c in found), sum(c.standing.failures for c in found)
    states = Counter(c.state for c in found)
    silent = [State.ERRORED, State.DID_NOT_RUN, State.OVERDUE, State.CANCELLED, State.UNCHECKED, State.UNKNOWN]
    unjudged = sum(states[state] for state in silent)
    tiles = [
        Tile("Checks", number(len(found)), f"on {len({c.asset for c in found})} assets"),
        Tile("Failing", number(states[State.FAIL]), "severity error", _good(found, states[State.FAIL], "fail")),
        Tile(
            "Without a verdict",
            number(unjudged),
            ", ".join(f"{states[s]} {s.label}" for s in silent if states[s]) or "",
            "fail" if states[State.ERRORED] or states[State.DID_NOT_RUN] else _good(found, unjudged, "warn"),
        ),
        Tile("Warnings", number(states[State.WARN]), "severity warn", _good(found, states[State.WARN], "warn")),
        Tile("Blocking", number(sum(c.standing.blocking for c in found)), "hold back what is built on the data"),
        Tile(
            "Evaluations kept",
            number(evaluations),
            f"{percent(failures / evaluations, 2) if evaluations else '–'} failed",
        ),
    ]
    return View("Checks", "The worst first", tiles=tiles, tables=[all_checks(context)])


def _good(found: Sequence[CheckHealth], bad: int, tone: str) -> str:
    """Tone of a count that should be 0; none where there is no check to count."""
    return tone if bad else "ok" if found else ""


def all_checks(context: Context) -> Table:
    """Every check that passes the filters."""
    asked = [check for check in context.checks if context.chosen(check.asset, check.name)]
    shown = [check for check in asked if _matches(check, context.query)]
    subtitle = f"{len(shown)} of {len(context.checks)} · last 28 evaluations, newest right"
    return Table("checks", "All checks", subtitle, CHECK_COLUMNS, check_rows(context, shown), EMPTY)


def _matches(check: CheckHealth, query: Mapping[str, str]) -> bool:
    text = query.get("search", "").strip().lower()
    return (
        query.get("asset", "") in ("", check.asset)
        and query.get("state", "") in ("", check.label)
        and query.get("severity", "") in ("", check.standing.severity)
        and (not text or text in f"{check.asset} {check.name} {check.standing.rule} {check.reason}".lower())
    )


def _wanted(context: Context) -> CheckHealth | None:
    wanted = (context.query.get("asset"), context.query.get("check"))
    return next((c for c in context.checks if (c.asset, c.name) == wanted), None)


def detail(context: Context) -> View | None:
    """The page of one check; None when there is no such check."""
    check = _wanted(context)
    if check is None:
        return None
    standing = check.standing
    when = f"evaluated {age((context.now - standing.last_at).total_seconds())} ago" if standing.last_at else "never"
    tiles = [
        Tile("Status", check.label, when, check.state.tone, check.run_id),
        Tile(
            "Value found",
            number(standing.value, _digits(standing.value)),
            f"allowed {band(standing.low, standing.high)}",
        ),
        Tile("Offending rows", number(standing.offending), f"of {number(standing.total)} looked at"),
        Tile("Failing for", open_for(context, check), "since the first failure after the last pass"),
        Tile("Evaluations", number(standing.evaluations), f"{number(standing.failures)} failed"),
    ]
    figure = Figure(
        "value",
        "Value found over time",
        f"Dashed: what is allowed, {band(standing.low, standing.high)}; each point is a run",
        "No evaluation with a value in this range. Choose a longer one.",
        wide=True,
        run_id=standing.run_id,
    )
    return View(
        title=standing.check_name.replace("_", " "),
        subtitle=f"{check.asset} · severity {standing.severity or '–'}{' · blocking' if standing.blocking else ''}",
        tiles=tiles,
        figures=[figure],
        tables=[sample(context), evaluations(context)],
        text=[
            ("The rule", standing.rule or "This check came without a description."),
            *([("Why it does not pass", check.reason)] if check.state is not State.OK else []),
        ],
    )


def _digits(value: float | None) -> int:
    return 0 if value is None or float(value).is_integer() else 4


def _evaluations(context: Context) -> list[dict[str, Any]]:
    asset, check = context.query.get("asset", ""), context.query.get("check", "")
    period = context.period
    return checks.evaluations(context.connection, asset, check, since=period.since, until=period.until)


def _verdict(evaluation: Mapping[str, Any]) -> str:
    return "pass" if evaluation["passed"] else "fail" if evaluation["severity"] == "error" else "warn"


def value(context: Context) -> Plot | None:
    """Value against band over time."""
    rows = [
        {
            "at": e["at"].isoformat(),
            "value": e["value"],
            "low": e["low"],
            "high": e["high"],
            "state": _verdict(e),
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
            "state": _verdict(e),
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
        Column("value", "Value found", "number"),
        Column("band", "Allowed"),
        Column("offending", "Offending rows", "number"),
        Column("total", "Looked at", "number"),
        Column("partition", "Partition"),
        Column("run", "Run", "run"),
    )
    return Table(
        "evaluations", "Evaluations", "Newest first, at most 400", columns, rows, "No evaluation in this range."
    )


PAGE = Page("checks", "Checks", view, tables={"checks": all_checks})
DETAIL = Page("check", "Check", detail, charts={"value": value}, tables={"sample": sample, "evaluations": evaluations})

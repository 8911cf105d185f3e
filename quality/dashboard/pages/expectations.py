"""Expectations: what Great Expectations found, a second opinion by another tool."""

from datetime import datetime

from quality.dashboard.context import Context
from quality.dashboard.view import Column, Page, Table, Tile, View, number
from quality.expectations import SuiteResult, stored_results

EMPTY = "Great Expectations has not run yet: materialise user_blocks with its checks, or run quality_job."


def view(context: Context) -> View:
    """The page."""
    suites = _suites(context)
    tiles = [
        Tile(
            suite.suite.replace("_", " "),
            f"{sum(e.holds for e in suite.expectations)} of {len(suite.expectations)}",
            f"expectations hold; {suite.looked_at}",
            "ok" if suite.passed else "warn",
        )
        for suite in suites
    ]
    return View(
        "Expectations",
        "Great Expectations' opinion of training blocks and feedback; it warns and never blocks",
        tiles=tiles,
        tables=[results(context)],
        notice="" if suites else EMPTY,
    )


def _suites(context: Context) -> list[SuiteResult]:
    return context.once("suites", lambda: stored_results(context.sources.settings.local_home))


def results(context: Context) -> Table:
    """One row an expectation, those that do not hold first."""
    found = [
        {
            "state": "pass" if one.holds else "warn",
            "suite": suite.suite,
            "expectation": one.expectation.removeprefix("expect_").replace("_", " "),
            "column": one.column,
            "unexpected": one.unexpected,
            "rows": suite.rows,
            "looked_at": suite.looked_at,
            "examples": one.examples,
            "when": datetime.fromisoformat(suite.at),
        }
        for suite in _suites(context)
        for one in suite.expectations
    ]
    found.sort(key=lambda row: row["state"] == "pass")
    columns = (
        Column("state", "Status", "state"),
        Column("suite", "Suite", "code"),
        Column("expectation", "Expectation"),
        Column("column", "Column", "code"),
        Column("unexpected", "Values against it", "number"),
        Column("rows", "Rows looked at", "number"),
        Column("looked_at", "Of"),
        Column("examples", "Examples"),
        Column("when", "Evaluated", "when"),
    )
    subtitle = f"{number(len(found))} expectations, those that do not hold first"
    return Table("results", "Results", subtitle, columns, found, EMPTY)


PAGE = Page("expectations", "Expectations", view, tables={"results": results})

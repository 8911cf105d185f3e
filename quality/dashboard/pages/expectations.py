"""Expectations: what Great Expectations found, a second opinion by another tool."""

from datetime import datetime

from quality.dashboard.context import Context
from quality.dashboard.view import Column, Page, Table, Tile, View, number
from quality.expectations import SuiteResult, stored_results
from quality.suite_files import OWN, checked_files, suite_files

EMPTY = "Great Expectations has not run yet: materialise user_blocks with its checks, or run quality_job."


def view(context: Context) -> View:
    """The page."""
    suites = _suites(context)
    wrong = [file.trouble for file in suite_files() if file.trouble]
    tiles = [
        Tile(
            _name(suite.suite).replace("_", " "),
            f"{sum(e.holds for e in suite.expectations)} of {len(suite.expectations)}",
            f"expectations hold; {suite.looked_at}",
            "ok" if suite.passed else _worst(suite),
        )
        for suite in suites
    ]
    return View(
        "Expectations",
        "Great Expectations' opinion of training blocks and feedback, and suites of your own; it never blocks",
        tiles=tiles,
        tables=[results(context)],
        notice=" ".join(wrong),
    )


def _suites(context: Context) -> list[SuiteResult]:
    """Results of the suites that ship, and of files that are there still."""
    return context.once("suites", lambda: _current(stored_results(context.sources.settings.local_home)))


def _current(results: list[SuiteResult]) -> list[SuiteResult]:
    there = {file.result for file in checked_files()}
    return [found for found in results if not found.suite.startswith(OWN) or found.suite in there]


def _worst(suite: SuiteResult) -> str:
    states = {_state(suite.suite, one.severity) for one in suite.expectations if not one.holds}
    return "fail" if "fail" in states else "warn"


def _name(suite: str) -> str:
    return f"{suite.removeprefix(OWN)} (your file)" if suite.startswith(OWN) else suite


def _state(suite: str, severity: str) -> str:
    return "fail" if suite.startswith(OWN) and severity == "critical" else "warn"


def results(context: Context) -> Table:
    """One row an expectation, those that do not hold first."""
    found = [
        {
            "state": "pass" if one.holds else _state(suite.suite, one.severity),
            "suite": _name(suite.suite),
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

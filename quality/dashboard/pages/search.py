"""Search over everything: assets, columns, checks with their rules, incidents and runs; and what one run found."""

from typing import Any

from quality.dashboard.context import Context
from quality.dashboard.pages.common import check_row
from quality.dashboard.pages.incidents import row
from quality.dashboard.view import Column, Page, Table, Tile, View, number
from quality.history import incidents, runs

MOST = 100
NOTHING = "Nothing is like it."


def _wanted(context: Context) -> str:
    return " ".join(context.query.get("q", "").lower().split())


def view(context: Context) -> View:
    """What is like the words of the query; nothing is asked for where there are none."""
    wanted = _wanted(context)
    if not wanted:
        return View("Search", "Assets, columns, checks, incidents and runs", notice="Type a word above.")
    tables = [table(context) for table in TABLES.values()]
    shown = [table for table in tables if table.rows]
    count = sum(len(table.rows) for table in shown)
    return View(f"Search: {wanted}", f"{number(count)} found", tables=shown, notice="" if shown else NOTHING)


def _is_like(wanted: str, *texts: str | None) -> bool:
    held = " ".join(text for text in texts if text).lower()
    return all(word in held or word in held.replace("_", " ") for word in wanted.split())


def assets_like(context: Context) -> Table:
    """Assets by name."""
    rows = [
        {"health": health.state.label, "asset": name, "reason": health.reason}
        for name, health in context.health.items()
        if _is_like(_wanted(context), name)
    ]
    columns = (Column("health", "Health", "state"), Column("asset", "Asset", "asset"), Column("reason", "Why"))
    return Table("assets", "Assets", "By their name", columns, rows[:MOST], NOTHING)


def columns_like(context: Context) -> Table:
    """Columns of stored datasets by name."""
    rows = [
        {"column": column, "type": kind, "asset": name}
        for name, manifest in sorted(context.sources.manifests.items())
        for column, kind in manifest.columns.items()
        if _is_like(_wanted(context), column)
    ]
    columns = (Column("column", "Column", "code"), Column("type", "Type", "code"), Column("asset", "Asset", "asset"))
    return Table("columns", "Columns", "Of the stored datasets", columns, rows[:MOST], NOTHING)


def checks_like(context: Context) -> Table:
    """Checks by name, asset and rule."""
    rows = [
        check_row(context, check)
        for check in context.checks
        if _is_like(_wanted(context), check.asset, check.name, check.standing.rule)
    ]
    columns = (
        Column("state", "Status", "state"),
        Column("check", "Check", "check"),
        Column("asset", "Asset", "asset"),
        Column("rule", "Rule"),
        Column("when", "Evaluated", "when"),
    )
    return Table("checks", "Checks", "By name, asset and rule", columns, rows[:MOST], NOTHING)


def incidents_like(context: Context) -> Table:
    """Incidents of the range by subject, text and owner."""
    kept = incidents.records(context.connection, context.period.since, context.period.until)
    rows = [
        row(context, r)
        for r in kept
        if _is_like(_wanted(context), r.subject, r.line, r.owner, r.run_id, r.acknowledged_by)
    ]
    columns = (
        Column("state", "State", "state"),
        Column("subject", "Incident", "incident"),
        Column("owner", "Owner"),
        Column("text", "What happened"),
        Column("opened", "Opened", "when"),
    )
    return Table("incidents", "Incidents", "In the range", columns, rows[:MOST], NOTHING)


def runs_like(context: Context) -> Table:
    """Runs of the range by job, id and error."""
    rows = [_run_row(run) for run in _runs(context) if _is_like(_wanted(context), run.run_id, run.job, run.error)]
    columns = (
        Column("of_run", "Run", "found"),
        Column("job", "Job", "code"),
        Column("status", "Outcome"),
        Column("error", "Error"),
        Column("when", "Began", "when"),
    )
    return Table("runs", "Runs", "In the range", columns, rows[:MOST], NOTHING)


def _runs(context: Context) -> list[runs.EndedRun]:
    period = context.period
    return context.once("runs", lambda: runs.begun(context.connection, period.since, period.until))


def _run_row(run: runs.EndedRun) -> dict[str, Any]:
    return {
        "of_run": run.run_id,
        "job": run.job,
        "status": run.status.lower(),
        "error": run.error or "",
        "when": run.created_at,
    }


def of_run(context: Context) -> View | None:
    """What one run made and found; None where the history knows no such run."""
    wanted = context.query.get("run", "")
    run = runs.one(context.connection, wanted)
    if run is None:
        return None
    made, found = made_by(context), found_by(context)
    wrong = sum(row["state"] != "pass" for row in found.rows)
    tiles = [
        Tile("Outcome", run.status.lower(), run.error or "", "fail" if run.status == "FAILURE" else "", run.run_id),
        Tile("Made", number(len(made.rows)), f"of {len(run.assets)} assets that it was to make or check"),
        Tile("Checks evaluated", number(len(found.rows)), f"{wrong} did not pass", "warn" if wrong else ""),
    ]
    return View(f"Run {run.run_id[:8]}", run.job, tiles=tiles, tables=[found, made])


def found_by(context: Context) -> Table:
    """The verdicts of the run, those that did not pass first."""
    rows = runs.verdicts(context.connection, context.query.get("run", ""))
    columns = (
        Column("state", "Status", "state"),
        Column("check", "Check", "check"),
        Column("asset", "Asset", "asset"),
        Column("offending", "Offending rows", "number"),
        Column("value", "Value found", "number"),
        Column("when", "Evaluated", "when"),
    )
    return Table("found", "What it found", "Failures first", columns, rows, "This run evaluated no check.")


def made_by(context: Context) -> Table:
    """The assets that the run made."""
    rows = runs.materialised(context.connection, context.query.get("run", ""))
    columns = (Column("asset", "Asset", "asset"), Column("rows", "Rows", "number"), Column("at", "Made", "when"))
    return Table("made", "What it made", "In order", columns, rows, "This run made nothing.")


TABLES = {
    "assets": assets_like,
    "columns": columns_like,
    "checks": checks_like,
    "incidents": incidents_like,
    "runs": runs_like,
}
PAGE = Page("search", "Search", view, tables=TABLES)
RUN = Page("run", "Run", of_run, tables={"found": found_by, "made": made_by})

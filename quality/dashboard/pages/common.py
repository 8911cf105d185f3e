"""What several pages show: open failures, checks with their strips, progress to the next retraining."""

from collections.abc import Collection
from typing import Any

from quality.dashboard.context import Context
from quality.dashboard.view import Column, Progress, Table, age, number
from quality.history import assets, checks, feedback

CHECK_COLUMNS = (
    Column("state", "Status", "state"),
    Column("check", "Check", "check"),
    Column("asset", "Asset", "code"),
    Column("severity", "Severity", "severity"),
    Column("offending", "Rows", "number"),
    Column("value", "Value", "number"),
    Column("band", "Band"),
    Column("strip", "Last 28", "strip"),
    Column("when", "Evaluated", "when"),
    Column("run", "Run", "run"),
)


def check_rows(context: Context, found: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table of checks, each with the strip of its last evaluations."""
    strips = checks.strips(context.connection, context.period.until)
    return [
        {
            "state": row["state"],
            "check": row["check_name"],
            "asset": row["asset"],
            "severity": row["severity"],
            "offending": row["offending"],
            "value": row["value"],
            "band": band(row["low"], row["high"]),
            "strip": strips.get((row["asset"], row["check_name"]), ""),
            "when": row["last_at"],
            "run": row["run_id"],
            "rule": row["rule"],
        }
        for row in found
    ]


def band(low: float | None, high: float | None) -> str:
    """A band in words."""
    if low is None and high is None:
        return "any"
    if low is None:
        return f"≤ {number(high, _digits(high))}"
    if high is None:
        return f"≥ {number(low, _digits(low))}"
    return f"{number(low, _digits(low))} – {number(high, _digits(high))}"


def _digits(value: float | None) -> int:
    return 0 if value is None or float(value).is_integer() else 3


def open_failures(context: Context) -> Table:
    """Every check that fails now, errors first, with how long it has been open."""
    found = [row for row in context.standing if not row["last_passed"]]
    rows = [
        {
            "state": row["state"],
            "check": row["check_name"],
            "asset": row["asset"],
            "severity": row["severity"],
            "open": age((context.now - row["failing_since"]).total_seconds()) if row["failing_since"] else "–",
            "offending": row["offending"],
            "value": row["value"],
            "band": band(row["low"], row["high"]),
            "run": row["run_id"],
        }
        for row in found
    ]
    columns = (
        Column("state", "Status", "state"),
        Column("check", "Check", "check"),
        Column("asset", "Asset", "code"),
        Column("severity", "Severity", "severity"),
        Column("open", "Open for"),
        Column("offending", "Rows", "number"),
        Column("value", "Value", "number"),
        Column("band", "Band"),
        Column("run", "Run", "run"),
    )
    return Table("open", "Open failures", "Checks whose last evaluation failed", columns, rows, "No check is failing.")


def next_retraining(context: Context) -> tuple[Progress, dict[str, Any] | None]:
    """How many sessions have come since the last retraining, of those that start the next; and the last one."""
    made = assets.retrainings(context.connection)
    last = made[-1] if made else None
    whole = context.sources.settings.retrain_sessions
    done = feedback.sessions_after(context.connection, last["at"] if last else None)
    note = f"{number(done)} of {number(whole)} sessions since {last['version'] if last else 'the beginning'}"
    return Progress("Progress to the next retraining", min(done, whole), whole, note), last

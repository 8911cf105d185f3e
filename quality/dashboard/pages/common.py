"""What several pages show: open failures, checks with their strips, progress to the next retraining."""

from collections.abc import Iterable
from typing import Any

from buddies_core.registry.watermark import new_sessions
from quality.dashboard.context import Context
from quality.dashboard.view import Column, Progress, Table, age, number
from quality.health import CheckHealth
from quality.history import assets, checks, feedback

CHECK_COLUMNS = (
    Column("state", "Status", "state"),
    Column("check", "Check", "check"),
    Column("asset", "Asset", "asset"),
    Column("severity", "Severity", "severity"),
    Column("offending", "Offending rows", "number"),
    Column("value", "Value found", "number"),
    Column("band", "Allowed"),
    Column("strip", "Last 28", "strip"),
    Column("when", "Evaluated", "when"),
    Column("run", "Run", "run"),
)


def check_rows(context: Context, found: Iterable[CheckHealth]) -> list[dict[str, Any]]:
    """Rows of a table of checks, each with the strip of its last evaluations."""
    strips = checks.strips(context.connection, context.period.until)
    return [check_row(context, check) | {"strip": strips.get((check.asset, check.name), "")} for check in found]


def check_row(context: Context, check: CheckHealth) -> dict[str, Any]:
    """A check as a row: where it stands, why, and the figures of its last evaluation."""
    standing = check.standing
    return {
        "state": check.label,
        "check": standing.check_name,
        "asset": standing.asset,
        "severity": standing.severity or "–",
        "reason": check.reason,
        "open": open_for(context, check),
        "offending": standing.offending,
        "value": standing.value,
        "band": band(standing.low, standing.high),
        "when": standing.last_at,
        "run": check.run_id,
        "rule": standing.rule,
    }


def of_day(day: str) -> str:
    """Where a click on a bar leads: the same page, of that day alone."""
    return f"?from={day}&to={day}"


def open_for(context: Context, check: CheckHealth) -> str:
    """How long a check has been failing; an en dash where it is not known to fail."""
    since = check.standing.failing_since
    return age((context.now - since).total_seconds()) if since else "–"


def band(low: float | None, high: float | None) -> str:
    """A band in words; without one nothing was judged."""
    if low is None and high is None:
        return "not judged"
    if low is None:
        return f"≤ {number(high, _digits(high))}"
    if high is None:
        return f"≥ {number(low, _digits(low))}"
    return f"{number(low, _digits(low))} – {number(high, _digits(high))}"


def _digits(value: float | None) -> int:
    return 0 if value is None or float(value).is_integer() else 3


def open_checks(context: Context) -> Table:
    """Every check that does not pass now, the worst first, with how long it has been failing."""
    columns = (
        Column("state", "Status", "state"),
        Column("check", "Check", "check"),
        Column("asset", "Asset", "asset"),
        Column("severity", "Severity", "severity"),
        Column("reason", "Why"),
        Column("open", "Failing for"),
        Column("offending", "Offending rows", "number"),
        Column("value", "Value found", "number"),
        Column("band", "Allowed"),
        Column("run", "Run", "run"),
    )
    found = [check for check in context.report.open_checks if context.chosen(check.asset, check.name)]
    rows = [check_row(context, check) for check in found]
    subtitle = "Failed, warned, crashed, never reached, or passed by an earlier version of the data only"
    empty = context.none_chosen("Every check passes." if context.checks else "No check has run yet.")
    return Table("open", "Checks that do not pass", subtitle, columns, rows, empty)


def next_retraining(context: Context) -> tuple[Progress, dict[str, Any] | None]:
    """How many sessions the newest checkpoint has not read, of those that start the next retraining; and the last one.

    The figure is the retraining sensor's own, so that the two cannot disagree.
    """
    made = assets.retrainings(context.connection)
    checkpoint, settings = context.sources.checkpoint, context.sources.settings
    whole, done, since = settings.retrain_sessions, 0, "no checkpoint yet: materialise bpr_checkpoint"
    if checkpoint is not None:
        counts = feedback.day_counts(context.connection)
        done = new_sessions(counts, checkpoint.lineage, context.now, settings.feedback_window_days)
        since = f"since checkpoint {checkpoint.version}"
    note = f"{number(done)} of {number(whole)} sessions, {since}"
    progress = Progress("Progress to the next retraining", min(done, whole), whole, note)
    return progress, made[-1] if made else None

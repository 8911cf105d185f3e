"""Overview: is everything healthy? One row an asset, what is open and since when, what the checks cover."""

from collections import Counter
from collections.abc import Sequence

from buddies_core import charts
from quality.coverage import coverage
from quality.dashboard.context import Context
from quality.dashboard.pages.common import next_retraining, of_day, open_checks
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, age, number, percent
from quality.health import UNMADE, Report, State
from quality.history import checks, incidents, runs


def view(context: Context) -> View:
    """The page."""
    report = context.report
    known = [health.state for health in report.assets.values() if health.state not in UNMADE]
    healthy, found = sum(state is State.OK for state in known), context.incidents
    progress, last = next_retraining(context)
    columns = {name: list(manifest.columns) for name, manifest in context.sources.manifests.items()}
    covered = coverage(columns, {c.asset for c in report.checks if c.standing.last_at is not None})
    tiles = [
        Tile(
            "Open incidents",
            number(len(found)),
            _oldest(context),
            "fail" if found else "ok" if known else "",
        ),
        Tile("Healthy assets", f"{healthy} of {len(known)}" if known else "–", _tones(known), _tone(known)),
        Tile(
            "Checks passing",
            f"{sum(c.state is State.OK for c in report.checks)} of {len(report.checks)}" if report.checks else "–",
            _states(report),
            max((c.state for c in report.checks), key=lambda s: s.rank, default=State.UNKNOWN).tone,
        ),
        Tile("Assets covered", *_share(covered.assets, covered.of_assets)),
        Tile("Columns covered", *_share(covered.columns, covered.of_columns)),
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
        subtitle=_sentence(context, healthy, len(known)),
        tiles=tiles,
        tables=[incidents_table(context), assets_table(context), open_checks(context), failed_runs(context)],
        figures=[figure],
        progress=progress,
        notice="" if known or report.checks or found else NOTHING,
    )


NOTHING = (
    "Nothing has been materialised yet. Run make run (or materialise the assets in Dagster's UI); "
    "the dashboard fills by itself within seconds."
)


SHOWN = 4
"""Assets that rest on a failing one and are named; its incident names all."""


def incidents_table(context: Context) -> Table:
    """One row a cause: what is wrong, where, since which run, who has it, and what is held back by it."""
    kept = {record.subject: record for record in incidents.open_records(context.connection)}
    rows = []
    for found in context.incidents:
        if not context.chosen(found.asset):
            continue
        record = kept.get(found.subject)
        rows.append(
            {
                "incident": record.id if record else None,
                "subject": found.subject,
                "asset": found.asset,
                "text": found.line,
                "owner": record.owner if record else "–",
                "taken": (record.acknowledged_by or "nobody yet") if record else "just seen",
                "held": ", ".join(found.held_back) or "nothing",
                "resting": _resting_on(context, found.asset),
                "run": record.run_id if record else found.run_id,
            }
        )
    columns = (
        Column("subject", "Incident", "incident"),
        Column("asset", "Asset", "asset"),
        Column("text", "What happened"),
        Column("owner", "Owner"),
        Column("taken", "Taken by"),
        Column("held", "Held back"),
        Column("resting", "Assets that rest on it"),
        Column("run", "Since run", "run"),
    )
    subtitle = "One row a cause; the alerts and the command buddies status say the same"
    return Table("incidents", "Open incidents", subtitle, columns, rows, context.none_chosen("No incident is open."))


def _resting_on(context: Context, asset: str) -> str:
    """What was made of an asset that fails, however far downstream."""
    names = [name for name, health in context.health.items() if asset in health.causes]
    more = len(names) - SHOWN
    return f"{', '.join(names[:SHOWN])} and {more} more" if more > 1 else ", ".join(names) or "none"


def assets_table(context: Context) -> Table:
    """One row an asset, the unhealthy first."""
    found = []
    for name, health in sorted(context.health.items(), key=lambda item: (-_rank(item[1].state), item[0])):
        if not context.chosen(name):
            continue
        made, of = context.latest.get(name), context.report.checks_of(name)
        found.append(
            {
                "asset": name,
                "health": health.state.label,
                "reason": health.reason,
                "age": age((context.now - made.at).total_seconds()) if made else "–",
                "rows": made.row_count if made else None,
                "trend": list(made.trend) if made else [],
                "checks": f"{sum(c.state is State.OK for c in of)} of {len(of)}" if of else "none",
                "run": health.run_id or (made.run_id if made else None),
            }
        )
    columns = (
        Column("health", "Health", "state"),
        Column("asset", "Asset", "asset"),
        Column("reason", "Why"),
        Column("age", "Age"),
        Column("rows", "Rows", "number"),
        Column("trend", "Rows, last 30", "trend"),
        Column("checks", "Checks passing"),
        Column("run", "Run", "run"),
    )
    subtitle = "Health is the worst of the last run, the files, the checks, the age, and what lies upstream"
    return Table("assets", "Assets", subtitle, columns, found, context.none_chosen(NOTHING))


def failed_runs(context: Context) -> Table:
    """Runs of the range that failed, were cancelled or lost, the newest first."""
    rows = [
        {
            "when": run.ended_at or run.created_at,
            "job": run.job,
            "status": run.status.lower(),
            "error": run.error or "",
            "assets": ", ".join(run.assets) or "none",
            "run": run.run_id,
        }
        for run in runs.unsuccessful(context.connection, context.period.since, context.period.until)
        if not run.assets or any(context.chosen(asset) for asset in run.assets)
    ]
    columns = (
        Column("when", "Ended", "when"),
        Column("job", "Job", "code"),
        Column("status", "Outcome"),
        Column("error", "Error"),
        Column("assets", "Was to make or check"),
        Column("run", "Run", "run"),
    )
    return Table(
        "runs",
        "Runs that failed",
        "In the range, newest first",
        columns,
        rows,
        context.none_chosen("No run failed in this range."),
    )


def failures(context: Context) -> Plot | None:
    """Failed evaluations a day."""
    found = checks.failures_by_day(context.connection, context.period.since, context.period.until)
    rows = [
        {"day": (day := r["day"].isoformat()), "severity": r["severity"], "failures": r["failures"], "url": of_day(day)}
        for r in found
    ]
    colours = {"error": charts.RED, "warn": charts.AMBER}
    return (
        plot(charts.bars_over_time, rows, y="failures", title="failures", series="severity", colours=colours)
        if rows
        else None
    )


def _rank(state: State) -> int:
    return -1 if state in UNMADE else state.rank


def _tone(states: Sequence[State]) -> str:
    return max(states, key=lambda state: state.rank).tone if states else ""


def _tones(states: Sequence[State]) -> str:
    if not states:
        return "nothing is made yet"
    failing, warned = (sum(state.tone == tone for state in states) for tone in ("fail", "warn"))
    return f"{failing} failing, {warned} with warnings" if failing or warned else "all green"


def _states(report: Report) -> str:
    counts = Counter(c.state.label for c in report.checks if c.state is not State.OK)
    return (
        ", ".join(f"{n} {label}" for label, n in counts.items()) if counts else "none is open" if report.checks else ""
    )


def _share(part: int, whole: int) -> tuple[str, str]:
    return (percent(part / whole, 0), f"{part} of {whole}") if whole else ("–", "nothing is stored yet")


def _oldest(context: Context) -> str:
    since = [c.standing.failing_since for c in context.report.checks if c.state is State.FAIL]
    oldest = min((at for at in since if at is not None), default=None)
    if oldest is not None:
        return f"a check fails for {age((context.now - oldest).total_seconds())}"
    return "" if context.incidents else "nothing is open"


def _sentence(context: Context, healthy: int, known: int) -> str:
    if not known:
        return "Nothing is known yet."
    if healthy == known and not context.incidents:
        return f"All {known} assets are healthy."
    count = len(context.incidents)
    are_open = "1 incident is open" if count == 1 else f"{count} incidents are open"
    return f"{are_open}; {healthy} of {known} assets are healthy."


PAGE = Page(
    "overview",
    "Overview",
    view,
    charts={"failures": failures},
    tables={"incidents": incidents_table, "assets": assets_table, "open": open_checks, "runs": failed_runs},
)

"""Incidents: what is open and who has it, what was and how long it took; and one of them with all that was done."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any

from quality.dashboard.context import Context
from quality.dashboard.view import Actions, Column, Page, Table, Tile, View, age, number
from quality.graph import asset_graph
from quality.history import incidents
from quality.history.incidents import Record
from quality.runbooks import for_listeners, runbook


def view(context: Context) -> View:
    """All incidents of the range."""
    found = _records(context)
    still = [record for record in found if record.resolved_at is None]
    untaken = sum(record.acknowledged_at is None for record in still)
    tiles = [
        Tile("Open", number(len(still)), "one row a cause", "fail" if still else "ok"),
        Tile("Nobody has taken", number(untaken), "of those that are open", "warn" if untaken else ""),
        Tile("Muted", number(sum(record.muted(context.now) for record in still)), "nobody is told of them"),
        Tile("Time to acknowledge", _middle([r.to_acknowledge for r in found]), "median of the range"),
        Tile("Time to repair", _middle([r.to_repair for r in found]), "median of the range"),
        Tile("In the range", number(len(found)), f"{sum(r.resolved_at is not None for r in found)} are over"),
    ]
    title = "Incidents"
    return View(
        title,
        "What was wrong, who took it, how long it lasted",
        tiles=tiles,
        tables=[open_table(context), history(context)],
    )


def _records(context: Context) -> list[Record]:
    period = context.period
    return context.once("incidents", lambda: incidents.records(context.connection, period.since, period.until))


def _middle(spans: Sequence[timedelta | None]) -> str:
    known = [span.total_seconds() for span in spans if span is not None]
    return age(median(known)) if known else "–"


def row(context: Context, record: Record) -> dict[str, Any]:
    """An incident as a row of a table."""
    return {
        "incident": record.id,
        "subject": record.subject,
        "state": state(context, record),
        "asset": record.asset,
        "text": record.line,
        "owner": record.owner,
        "taken": record.acknowledged_by or "nobody yet",
        "opened": record.opened_at,
        "resolved": record.resolved_at,
        "acknowledge": _span(record.to_acknowledge),
        "repair": _span(record.to_repair),
        "run": record.run_id,
    }


def _span(span: timedelta | None) -> str:
    return age(span.total_seconds()) if span is not None else "–"


def state(context: Context, record: Record) -> str:
    """How far an incident is, in a word."""
    if record.resolved_at is not None:
        return "resolved"
    if record.muted(context.now):
        return "muted"
    return "acknowledged" if record.acknowledged_at is not None else "open"


_ALWAYS = (
    Column("state", "State", "state"),
    Column("subject", "Incident", "incident"),
    Column("asset", "Asset", "asset"),
    Column("owner", "Owner"),
    Column("text", "What happened"),
    Column("opened", "Opened", "when"),
)


def open_table(context: Context) -> Table:
    """Those that are open."""
    found = [row(context, record) for record in _records(context) if record.resolved_at is None]
    columns = (*_ALWAYS, Column("taken", "Taken by"), Column("run", "Since run", "run"))
    return Table(
        "open", "Open", "Each resolves by itself once its cause is gone", columns, found, "No incident is open."
    )


def history(context: Context) -> Table:
    """Those that are over, with the time they took."""
    found = [row(context, record) for record in _records(context) if record.resolved_at is not None]
    columns = (
        *_ALWAYS,
        Column("resolved", "Over", "when"),
        Column("acknowledge", "To acknowledge"),
        Column("repair", "To repair"),
        Column("run", "Since run", "run"),
    )
    return Table("history", "History", "In the range, newest first", columns, found, "No incident ended in this range.")


def _wanted(context: Context) -> Record | None:
    number = context.query.get("incident", "")
    return incidents.record(context.connection, int(number)) if number.isascii() and number.isdigit() else None


def detail(context: Context) -> View | None:
    """The page of one incident; None when there is none of that number."""
    record = _wanted(context)
    if record is None:
        return None
    upstream = asset_graph().made_of
    champion, published = context.sources.channels().get("champion"), context.latest.get("served_model")
    open_now = record.resolved_at is None
    resting = [name for name, health in context.health.items() if record.asset in health.causes]
    texts = {c.name: c.standing.rule for c in context.report.checks_of(record.asset)}
    until = record.resolved_at or context.now
    note, tone = (_muted(record), "fail") if open_now else (_over(record), "ok")
    taken = f"taken by {record.acknowledged_by}" if record.acknowledged_by else "nobody has taken it"
    since = f"since {record.opened_at:%d %b %Y %H:%M} UTC"
    tiles = [
        Tile("State", state(context, record), note, tone, record.run_id),
        Tile("Owner", record.owner, taken),
        Tile("Open for", age((until - record.opened_at).total_seconds()), since),
        Tile("To acknowledge", _span(record.to_acknowledge), "from opening until somebody took it"),
        Tile("To repair", _span(record.to_repair), "from opening until it was over"),
    ]
    listeners = for_listeners(record.asset, upstream, champion, published.at if published else None, record.since)
    text = [
        ("What happened", record.line),
        ("What is held back", ", ".join(record.held_back) or "Nothing: no run was kept from making something."),
        ("What rests on it", ", ".join(resting) or "Nothing that is stored."),
        *([("What listeners get now", listeners)] if open_now else []),
        *runbook(record, texts, is_source=not upstream.get(record.asset)),
    ]
    actions = Actions(record.id, record.owner, muted=record.muted(context.now), can_change=open_now)
    shown = [checks_of(context), happened(context)]
    return View(record.subject, f"Incident {record.id}", tiles=tiles, text=text, tables=shown, actions=actions)


def _muted(record: Record) -> str:
    return f"muted until {record.muted_until:%d %b %H:%M} UTC" if record.muted_until else "people are told"


def _over(record: Record) -> str:
    return f"over since {record.resolved_at:%d %b %Y %H:%M} UTC" if record.resolved_at else ""


def checks_of(context: Context) -> Table:
    """The checks that belong to the incident, as they stand now."""
    record = _wanted(context)
    found = [
        {
            "state": c.label,
            "check": c.name,
            "asset": c.asset,
            "reason": c.reason,
            "run": c.run_id,
            "rule": c.standing.rule,
        }
        for c in (context.report.checks_of(record.asset) if record else [])
        if record and c.name in record.checks
    ]
    columns = (
        Column("state", "Status now", "state"),
        Column("check", "Check", "check"),
        Column("asset", "Asset", "asset"),
        Column("reason", "Why"),
        Column("run", "Run", "run"),
    )
    return Table(
        "checks", "Its checks", "As they stand now", columns, found, "No check belongs to it: a run or a file failed."
    )


def happened(context: Context) -> Table:
    """What was done with the incident, the newest first."""
    record = _wanted(context)
    found = list(reversed(incidents.events(context.connection, record.id))) if record else []
    columns = (Column("at", "When", "when"), Column("kind", "What"), Column("by", "By"), Column("text", "Text"))
    return Table("events", "What was done", "The newest first", columns, found, "Nothing yet.")


PAGE = Page("incidents", "Incidents", view, tables={"open": open_table, "history": history})
DETAIL = Page("incident", "Incident", detail, tables={"checks": checks_of, "events": happened})

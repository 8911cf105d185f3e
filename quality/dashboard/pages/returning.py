"""Who comes back, by what they were served."""

from quality.dashboard.context import Context
from quality.dashboard.view import Column, Table, number, percent
from quality.history.returning import WITHIN_DAYS, returns, version_names

EMPTY = f"Nobody's {WITHIN_DAYS} days after a first visit in this range are over yet. Choose an earlier one."


def returning(context: Context) -> Table:
    """One row a thing that was served, with the share of listeners who came back."""
    period = context.period
    found = returns(
        context.sources.activity.now, version_names(context.connection), period.first, period.after, context.now
    )
    rows = [
        {
            "kind": one.kind,
            "served": one.served,
            "listeners": one.listeners,
            "came_back": one.came_back,
            "share": percent(one.share),
            "interval": " to ".join(percent(end) for end in one.interval),
        }
        for one in found.rows
    ]
    columns = (
        Column("kind", "Told apart by"),
        Column("served", "First served"),
        Column("listeners", "Listeners", "number"),
        Column("came_back", "Came back", "number"),
        Column("share", "Share"),
        Column("interval", "95 % interval"),
    )
    waiting = f"; {number(found.waiting)} whose days are not over wait" if found.waiting else ""
    subtitle = (
        f"Feedback on another of the {WITHIN_DAYS} days after the first visit of the range, by that visit's first list"
        f"{waiting}. Told, not tried: who is served what is not drawn by lot, but for champion and challenger"
    )
    return Table("returning", "Who comes back", subtitle, columns, rows, EMPTY)

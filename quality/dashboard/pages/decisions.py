"""What the loop decided on challengers, as a table of the Models page."""

from buddies_core.postgres.schema import rows as query
from quality.dashboard.context import Context
from quality.dashboard.view import Column, Table

COLUMNS = (
    Column("at", "Decided", "when"),
    Column("action", "Decision"),
    Column("champion", "Champion then", "code"),
    Column("challenger", "Challenger", "code"),
    Column("by", "By"),
    Column("reason", "Why"),
)
EMPTY = "Nothing was decided in this range: decisions come once a newly trained model is on trial."

_DECISIONS = """
    SELECT at, action, champion, challenger, automatic, reason FROM loop.decisions
    WHERE at >= %(first)s AND at < %(after)s ORDER BY at DESC LIMIT 200
"""


def decisions(context: Context) -> Table:
    """Promotions, rollbacks and alarms in the range, newest first, each with the numbers it was made on."""
    period = {"first": context.period.first, "after": context.period.after}
    there = query(context.connection, "SELECT to_regclass('loop.decisions') IS NOT NULL AS there")[0]["there"]
    found = [
        {
            "at": row["at"],
            "action": row["action"].replace("_", " "),
            "champion": row["champion"],
            "challenger": row["challenger"] or "",
            "by": "the loop" if row["automatic"] else "hand",
            "reason": row["reason"],
        }
        for row in (query(context.connection, _DECISIONS, period) if there else [])
    ]
    return Table("decisions", "Decisions", "On challengers, newest first", COLUMNS, found, EMPTY)

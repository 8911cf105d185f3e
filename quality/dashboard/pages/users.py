"""Users: who gives most of the feedback, how uneven that is, and who is new, returning or cold."""

import numpy as np

from buddies_core import charts
from quality.dashboard.context import Context
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, number, percent
from quality.history.activity import UserCounts

EMPTY = "Nobody gave feedback in this range. Choose a longer one."
MOST_SHOWN = 20
SHOWN_IN_CHART = 8
MOST_TOP_PERCENT = 0.10


def _counts(context: Context) -> UserCounts:
    period = context.period
    return context.once("counts", lambda: context.sources.activity.between(period.first, period.after))


def view(context: Context) -> View:
    """The page."""
    counts = _counts(context)
    users, total = len(counts.users), counts.total
    top, gini = counts.top_share(0.01), counts.gini()
    cold = (
        np.isin(counts.users, list(context.sources.cold_users)) if context.sources.cold_users else np.zeros(users, bool)
    )
    returning = users - counts.new_users
    eight = counts.sessions[:SHOWN_IN_CHART].sum() / total if total else 0.0
    tiles = [
        Tile("Distinct users", number(users), f"{number(total)} sessions"),
        Tile("New users", number(counts.new_users), percent(counts.new_users / users) if users else ""),
        Tile("Returning users", number(returning), percent(returning / users) if users else ""),
        Tile("Top 1 % users' share", percent(top), "limit 10 %", "warn" if top > MOST_TOP_PERCENT else ""),
        Tile("Gini", number(gini, 2), "0 is even, 1 is one user"),
        Tile(
            "Cold share",
            percent(float(cold.mean()) if users else None),
            f"{percent(float(counts.sessions[cold].sum() / total) if total else None)} of sessions; 5 % were set aside",
            run_id=context.run_of("cold_users"),
        ),
    ]
    figures = [
        Figure(
            "power",
            "Power users",
            f"Sessions per user · the top {min(SHOWN_IN_CHART, users)} give {percent(float(eight))}",
            EMPTY,
        ),
        Figure("lorenz", "Lorenz curve of sessions", "Share of sessions by share of users, least active first", EMPTY),
        Figure("arrivals", "New and returning users", "Distinct users per day", EMPTY, wide=True),
    ]
    loading = "" if context.sources.activity.loaded else "Activity is still being read: reload soon."
    return View(
        "Users",
        f"Who gave feedback in {context.period.days} days",
        tiles,
        figures,
        [power_table(context)],
        notice=loading,
    )


def power(context: Context) -> Plot | None:
    """The most active users."""
    counts = _counts(context)
    rows = [
        {"user": str(u), "sessions": int(n)}
        for u, n in zip(counts.users[:SHOWN_IN_CHART], counts.sessions[:SHOWN_IN_CHART], strict=True)
    ]
    return plot(charts.ranking, rows, label="user", value="sessions", title="sessions") if rows else None


def lorenz(context: Context) -> Plot | None:
    """How uneven activity is."""
    points = [{"x": x, "y": y} for x, y in _counts(context).lorenz()]
    return plot(charts.lorenz, points, who="users", what="sessions") if points else None


def arrivals(context: Context) -> Plot | None:
    """New and returning users a day."""
    rows = []
    for day, new, returning in context.sources.activity.new_by_day(context.period.first, context.period.after):
        rows += [
            {"day": day.isoformat(), "kind": "new", "users": new},
            {"day": day.isoformat(), "kind": "returning", "users": returning},
        ]
    colours = {"returning": charts.BLUE, "new": charts.GREEN}
    return plot(charts.bars_over_time, rows, y="users", title="users", series="kind", colours=colours) if rows else None


def power_table(context: Context) -> Table:
    """The most active users with their share."""
    counts = _counts(context)
    total = max(counts.total, 1)
    found = [
        {
            "user": int(u),
            "sessions": int(n),
            "share": percent(int(n) / total, 2),
            "cold": "yes" if int(u) in context.sources.cold_users else "no",
        }
        for u, n in zip(counts.users[:MOST_SHOWN], counts.sessions[:MOST_SHOWN], strict=True)
    ]
    columns = (
        Column("user", "User", "code"),
        Column("sessions", "Sessions", "number"),
        Column("share", "Share"),
        Column("cold", "Cold"),
    )
    return Table("power", "Most active users", f"The first {MOST_SHOWN}", columns, found, EMPTY)


PAGE = Page(
    "users",
    "Users",
    view,
    charts={"power": power, "lorenz": lorenz, "arrivals": arrivals},
    tables={"power": power_table},
)

"""Feedback: who gives it, how much, whether it is sound, and what it says of the models."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from buddies_core import charts
from quality.bands import NOT_JUDGED, REACH, Seen, judged
from quality.dashboard.context import Context
from quality.dashboard.pages.common import CHECK_COLUMNS, check_rows, next_retraining, of_day
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, age, number, percent
from quality.history import assets, feedback

EMPTY = "No feedback in this range. Choose a longer one, or send some: like a playlist on the sample page."
SHARE_OF_USUAL = 1 / 3
STALE_AFTER = timedelta(days=2)
MOST_TOP_PERCENT = 0.10
FEWEST_A_DAY = 30
"""Sessions of a version on a day below which a mean of them says nothing and is not drawn."""
EXPECTED_SCORE = (0.195, 0.205)
"""One like in five shown is 0.20; sessions that show fewer playlists lift it a little."""


def _days(context: Context) -> list[dict[str, Any]]:
    period = context.period
    return context.once("days", lambda: feedback.days(context.connection, period.first, period.after))


def view(context: Context) -> View:
    """The page."""
    progress, _ = next_retraining(context)
    missing = progress.whole - progress.done
    figures = [
        Figure("daily_users", "Daily users giving feedback", "Distinct users per day", EMPTY),
        Figure("weekly_users", "Weekly users giving feedback", "Distinct users per ISO week", EMPTY),
        Figure(
            "score",
            "Average feedback score per day",
            "Share of shown playlists that were liked: 0.20 by construction when one of five is liked. "
            "What tells models apart is beside it",
            EMPTY,
        ),
        Figure(
            "rank",
            "Rank of the liked playlist",
            "Mean position by model version, days of thirty sessions or more; 1 is best, 3 is a guess among five",
            EMPTY,
        ),
        Figure(
            "like_rate",
            "Likes per recommendation served",
            "By model version, on days with thirty likes or more; the day is the one it was served on",
            "Nothing is known to have been served in this range: the service counts what it serves once it runs.",
        ),
        Figure(
            "volume",
            "Feedback volume per day",
            f"Sessions; dashed: the floor; {_learnt(context)}",
            EMPTY,
        ),
        Figure(
            "cumulative",
            "Cumulative feedback",
            f"Vertical rules = retrainings (every {number(progress.whole)} sessions)",
            EMPTY,
            wide=True,
            run_id=context.run_of("bpr_checkpoint"),
        ),
    ]
    return View(
        title="Feedback for retraining",
        subtitle=f"{context.period.days} days · {number(missing)} more feedback sessions start the next retraining",
        tiles=_tiles(context),
        figures=figures,
        tables=[feedback_checks(context), daily(context)],
        progress=progress,
        notice="" if _days(context) else EMPTY,
    )


def _learnt(context: Context) -> str:
    """Whether the newest day that is over has a learnt band."""
    over = [day["day"] for day in _days(context) if day["day"] < context.now.date()]
    return "green: expected by the weeks before" if over and over[-1] in _bands(context) else f"days are {NOT_JUDGED}"


def _tiles(context: Context) -> list[Tile]:
    days = _days(context)
    counts = context.sources.activity.between(context.period.first, context.period.after)
    before = context.period.before
    earlier = sum(d["sessions"] for d in feedback.days(context.connection, before.first, before.after))
    sessions = sum(d["sessions"] for d in days)
    invalid, ranks = sum(d["invalid"] for d in days), sum(d["rank_sum"] for d in days)
    library = context.sources.manifests.get("user_library")
    newest = feedback.state(context.connection)["last_session"]
    waited = (context.now - newest) if newest else None
    top = counts.top_share(0.01)
    grown = f"{'▲' if sessions >= earlier else '▼'} {abs(sessions / earlier - 1) * 100:.1f} %" if earlier else ""
    change = f"{grown} vs the {before.days} days before" if earlier else "none in the range before"
    of_all = f"{percent(len(counts.users) / library.rows)} of {number(library.rows)} users" if library else ""
    return [
        Tile("Distinct feedback users", number(len(counts.users)), of_all),
        Tile("Feedback sessions", number(sessions), change),
        like_rate_tile(context),
        Tile("Mean rank of the liked", number(ranks / sessions if sessions else None, 2), "1 is best, 3 a guess"),
        Tile("Invalid sessions", number(invalid), "no or several likes", "fail" if invalid else "ok" if days else ""),
        Tile("Top 1 % users' share", percent(top), "limit 10 %", "warn" if top > MOST_TOP_PERCENT else ""),
        _lost(context),
        Tile(
            "Freshness",
            age(waited.total_seconds()) if waited is not None else "–",
            "limit 2 d",
            "warn" if waited is not None and waited > STALE_AFTER else "",
        ),
    ]


def like_rate_tile(context: Context) -> Tile:
    """Likes received by lists served, of all versions in the range."""
    served = feedback.likes(context.connection, context.period.first, context.period.after)
    lists, likes = sum(one.lists for one in served), sum(one.likes for one in served)
    note = f"{number(likes)} likes of {number(lists)} lists served" if lists else "nothing was served in this range"
    return Tile("Like-rate", number(likes / lists if lists else None, 3), note)


def _lost(context: Context) -> Tile:
    """Not of the range: what was lost stays so until somebody removes `losses.json` from the service's spool."""
    losses = feedback.losses(context.connection)
    kinds = ", ".join(f"{number(count)} {kind}" for kind, count in losses.items())
    return Tile("Lost or set aside", number(sum(losses.values())), kinds or "none ever", "fail" if losses else "ok")


def daily_users(context: Context) -> Plot | None:
    """Distinct users a day; today is left out until it is over, since half a day looks like a fall."""
    over = [d for d in _days(context) if d["day"] < context.now.date()] or _days(context)
    rows = [{"day": d["day"].isoformat(), "users": d["users"]} for d in over]
    return plot(charts.line_over_time, rows, y="users", title="users") if rows else None


def weekly_users(context: Context) -> Plot | None:
    """Distinct users a week."""
    monday = context.period.first - timedelta(days=context.period.first.weekday())
    found = feedback.weeks(context.connection, monday, context.period.after)
    rows = [{"day": w["week"].isoformat(), "users": w["users"]} for w in found]
    return plot(charts.bars_over_time, rows, y="users", title="users", unit="week") if rows else None


def score(context: Context) -> Plot | None:
    """Share of shown playlists that were liked, a day."""
    rows = [{"day": d["day"].isoformat(), "score": d["sessions"] / d["shown"]} for d in _days(context) if d["shown"]]
    return (
        plot(charts.line_over_time, rows, y="score", title="score", band=EXPECTED_SCORE, zero=False, form=".3f")
        if rows
        else None
    )


def rank(context: Context) -> Plot | None:
    """Mean rank of the liked playlist, a day and model version."""
    found = feedback.versions(context.connection, context.period.first, context.period.after)
    rows = [
        {"day": v["day"].isoformat(), "version": v["model_version"], "rank": v["rank_sum"] / v["sessions"]}
        for v in found
        if v["sessions"] >= FEWEST_A_DAY
    ]
    if not rows:
        return None
    return plot(charts.line_over_time, rows, y="rank", title="mean rank", series="version", zero=False, form=".2f")


def like_rate(context: Context) -> Plot | None:
    """Likes per list served, by the day of the service's clock and model version."""
    rows = [
        {"day": one.day.isoformat(), "version": one.version, "rate": one.rate}
        for one in feedback.likes(context.connection, context.period.first, context.period.after)
        if one.likes >= FEWEST_A_DAY and one.rate is not None
    ]
    if not rows:
        return None
    return plot(charts.line_over_time, rows, y="rate", title="likes per list", series="version", zero=False, form=".3f")


def volume(context: Context) -> Plot | None:
    """Sessions a day, with the floor below which a day is suspiciously quiet and the band learnt from the weeks before.

    The band is that of days that are over: half a day looks like a fall.
    """
    bands = _bands(context)
    rows = [
        {"day": (day := d["day"].isoformat()), "sessions": d["sessions"], "url": of_day(day)} | bands.get(d["day"], {})
        for d in _days(context)
    ]
    if not rows:
        return None
    usual = sorted(r["sessions"] for r in rows)[len(rows) // 2]
    floor = context.sources.dashboard.volume_floor or round(usual * SHARE_OF_USUAL)
    return plot(charts.bars_over_time, rows, y="sessions", title="sessions", floor=floor)


def _bands(context: Context) -> dict[date, dict[str, float]]:
    """The learnt limits of each day of the range that has any."""
    return context.once("bands", lambda: _learn(context))


def _learn(context: Context) -> dict[date, dict[str, float]]:
    period = context.period
    found = feedback.days(context.connection, period.first - REACH, min(period.after, context.now.date()))
    seen = [Seen(datetime.combine(d["day"], time.min, UTC), float(d["sessions"])) for d in found]
    learnt = zip(seen, judged(seen), strict=True)
    return {one.at.date(): {"low": band.low, "high": band.high} for one, band in learnt if band is not None}


def cumulative(context: Context) -> Plot | None:
    """Sessions since the beginning, with retrainings marked."""
    days = _days(context)
    if not days:
        return None
    total = int(feedback.totals(context.connection, context.period.first)["sessions"])
    rows = []
    for day in days:
        total += day["sessions"]
        rows.append({"day": day["day"].isoformat(), "sessions": total})
    made = assets.retrainings(context.connection)
    marks = [
        {"at": m["at"].isoformat(), "label": m["version"]}
        for m in made
        if context.period.since <= m["at"] < context.period.until
    ]
    return plot(charts.cumulative, rows, y="sessions", marks=marks, title="sessions")


def daily(context: Context) -> Table:
    """The days behind the charts."""
    found = [
        {
            "day": d["day"].isoformat(),
            "sessions": d["sessions"],
            "users": d["users"],
            "score": d["sessions"] / d["shown"] if d["shown"] else None,
            "rank": d["rank_sum"] / d["sessions"] if d["sessions"] else None,
            "invalid": d["invalid"],
        }
        for d in reversed(_days(context))
    ]
    columns = (
        Column("day", "Day"),
        Column("sessions", "Sessions", "number"),
        Column("users", "Users", "number"),
        Column("score", "Avg score", "number"),
        Column("rank", "Mean rank", "number"),
        Column("invalid", "Invalid", "number"),
    )
    return Table("daily", "Days", "Newest first", columns, found, EMPTY)


def feedback_checks(context: Context) -> Table:
    """Where the checks of feedback stand."""
    found = [c for c in context.checks if "feedback" in c.asset or c.asset == "training_window"]
    empty = "No check of feedback has run yet: run quality_job."
    rows = check_rows(context, found)
    return Table("checks", "Data-quality checks", "Last 28 evaluations, newest right", CHECK_COLUMNS, rows, empty)


PAGE = Page(
    "feedback",
    "Feedback",
    view,
    charts={
        "daily_users": daily_users,
        "weekly_users": weekly_users,
        "score": score,
        "rank": rank,
        "like_rate": like_rate,
        "volume": volume,
        "cumulative": cumulative,
    },
    tables={"daily": daily, "checks": feedback_checks},
)

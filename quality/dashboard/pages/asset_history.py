"""The versions of one asset: their rows, and what their columns held, in bands learnt from the versions before."""

from buddies_core import charts
from quality.bands import NOT_JUDGED
from quality.dashboard.context import Context
from quality.dashboard.pages.common import band as band_in_words
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Table
from quality.health import State
from quality.history import assets
from quality.learnt import OF_COLUMNS, Learnt, as_rows, of_columns
from quality.learnt import row_counts as rows_of

MADE_BY_HAND = "No run has made it in this range."
NO_HISTORY = "No version of it has been looked at yet: the dashboard does so within seconds of the run that makes one."
LEARNING = "learning"


def _rows(context: Context) -> Learnt | None:
    name = context.query.get("asset", "")
    return context.once("rows", lambda: rows_of(context.connection, name, context.period.until))


def _columns(context: Context) -> list[Learnt]:
    name = context.query.get("asset", "")
    return context.once("columns", lambda: of_columns(context.connection, name, context.period.until))


def _chosen(context: Context) -> Learnt | None:
    """The figure that the URL names; else the first that left its band; else the first."""
    found = _columns(context)
    wanted = (context.query.get("column"), context.query.get("figure"))
    named = [one for one in found if (one.column, one.figure) == wanted]
    return next(iter([*named, *(one for one in found if one.outside), *found]), None)


def figures(context: Context) -> list[Figure]:
    """The charts: rows, and one figure of one column."""
    counted, chosen = _rows(context), _chosen(context)
    shown = [
        Figure("rows", "Rows of each version", _told(counted), MADE_BY_HAND, wide=chosen is None),
    ]
    if chosen is not None:
        name = f"{chosen.name[0].upper()}{chosen.name[1:]}"
        shown.append(Figure("followed", name, f"{_told(chosen)}; choose another in the table below", MADE_BY_HAND))
    return shown


def _told(learnt: Learnt | None) -> str:
    if learnt is None or learnt.band is None:
        return f"Each point is a version; they are {NOT_JUDGED}"
    return f"Each point is a version; green: where it was expected, by {learnt.band.method} of those before"


def row_counts(context: Context) -> Plot | None:
    """Rows of each version over time, with the learnt band."""
    return _drawn(context, _rows(context))


def followed(context: Context) -> Plot | None:
    """One figure of one column over the versions, with the learnt band."""
    return _drawn(context, _chosen(context))


def _drawn(context: Context, learnt: Learnt | None) -> Plot | None:
    if learnt is None:
        return None
    since = context.period.since
    rows = [row for row, seen in zip(as_rows(learnt), learnt.seen, strict=True) if seen.at >= since]
    return plot(charts.value_and_band, rows, name=learnt.name) if rows else None


def learnt_table(context: Context) -> Table:
    """Every figure with its band, those outside first."""
    counted = _rows(context)
    found = [*([counted] if counted else []), *_columns(context)]
    rows = [
        {
            "state": _state(one),
            "name": OF_COLUMNS.get(one.figure, one.figure),
            "figure": one.figure,
            "column": one.column,
            "value": one.newest.value,
            "expected": one.band.expected if one.band else None,
            "band": band_in_words(one.band.low, one.band.high) if one.band else "–",
            "method": one.band.method if one.band else NOT_JUDGED,
            "trend": [seen.value for seen in one.seen[-assets.TREND :]],
            "versions": len(one.seen),
        }
        for one in sorted(found, key=lambda one: not one.outside)
    ]
    shown = (
        Column("state", "State", "state"),
        Column("column", "Column", "code"),
        Column("name", "Figure", "followed"),
        Column("value", "Newest version", "number"),
        Column("expected", "Expected", "number"),
        Column("band", "Band"),
        Column("method", "Learnt by"),
        Column("trend", "Last 30", "trend"),
        Column("versions", "Versions", "number"),
    )
    told = "Bands are learnt from the versions before; a click on a figure draws it"
    return Table("learnt", "Against its own past", told, shown, rows, NO_HISTORY)


def _state(learnt: Learnt) -> str:
    if learnt.band is None:
        return LEARNING
    return State.WARN.label if learnt.outside else "pass"


def versions(context: Context) -> Table:
    """Every materialisation of the range, newest first."""
    name, period = context.query.get("asset", ""), context.period
    made = assets.materialisations(context.connection, name, period.since, period.until)
    found = [
        {"at": v["at"], "rows": v["row_count"], "bytes": v["bytes"], "run": v["run_id"], "partition": v["partition"]}
        for v in reversed(made)
    ]
    shown = (
        Column("at", "Made", "when"),
        Column("rows", "Rows", "number"),
        Column("bytes", "Bytes", "number"),
        Column("partition", "Partition"),
        Column("run", "Run", "run"),
    )
    return Table("versions", "Versions", "In the range, newest first", shown, found, MADE_BY_HAND)

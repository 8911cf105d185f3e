"""Two versions on the same listeners, by segment: which the URL names, or champion and challenger."""

from typing import Any

from buddies_core.comparison.compared import Compared
from buddies_core.comparison.of_home import Comparisons, Pair
from buddies_core.errors import BuddiesError
from quality.dashboard.context import Context
from quality.dashboard.view import Column, Table

ALONE = "There is one version or none yet. From the second on, any two are compared here on the same listeners."


def comparison(context: Context) -> Table:
    """One row a segment: both versions' precision and hits, and the second's lead."""
    comparisons = context.sources.comparisons
    pair = _asked(context, comparisons)
    names = [one.version for one in comparisons.stored()]
    subtitle, rows, empty = "By hidden plays, which neither was told", [], ALONE
    if pair is not None:
        try:
            found = comparisons.of(pair)
        except BuddiesError as error:
            empty = str(error)
        else:
            rows = _rows(found)
            subtitle = (
                f"{pair.second} against {pair.first}, by hidden plays, which neither was told. The lead is paired by "
                "listener, with its 95 % interval; of twenty segments one stands out by chance"
            )
    choose = {"first": names, "second": names} if len(names) > 1 else {}
    chosen = {"first": pair.first, "second": pair.second} if pair else {}
    return Table(
        "comparison", "Two versions on the same listeners", subtitle, COLUMNS, rows, empty, choose=choose, chosen=chosen
    )


def _asked(context: Context, comparisons: Comparisons) -> Pair | None:
    usual = comparisons.usual()
    first = context.query.get("first") or (usual.first if usual else "")
    second = context.query.get("second") or (usual.second if usual else "")
    return Pair(first, second) if first and second else None


COLUMNS = (
    Column("kind", "Told apart by"),
    Column("segment", "Segment"),
    Column("listeners", "Listeners", "number"),
    *(
        column
        for measure, label in (("precision", "Precision"), ("hits", "Hits"))
        for column in (
            Column(f"{measure}_first", f"{label}, first", "number"),
            Column(f"{measure}_second", f"{label}, second", "number"),
            Column(f"{measure}_lead", "Lead of the second"),
            Column(f"{measure}_verdict", "", "state"),
        )
    ),
)


def _rows(found: list[Compared]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in found:
        row = rows.setdefault(
            (one.kind, one.segment), {"kind": one.kind, "segment": one.segment, "listeners": one.listeners}
        )
        gain = one.gain
        row |= {
            f"{one.measure}_first": round(one.first, 4),
            f"{one.measure}_second": round(one.second, 4),
            f"{one.measure}_lead": f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" if gain else "too few",
            f"{one.measure}_verdict": one.verdict,
        }
    return list(rows.values())

"""Songs: what is left at each step from sources to ten songs, and what each source is good for."""

from typing import Any

from buddies_core import charts
from quality.dashboard.context import Context
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, number, percent

CANDIDATES, EVALUATION = "song_candidates", "song_evaluation"
UNION, RANKER, EVERYBODY = "union", "ranker", "all"
EMPTY = "No songs were made here. Run the system: buddies run --system songs; its figures appear within seconds."
LABELS = {
    "map500": "mAP@500",
    "ndcg": "NDCG@10",
    "precision": "P@10",
    "recall": "R@10",
    "recall100": "Recall@100",
    "recall500": "Recall@500",
}


def _rows(context: Context, name: str) -> list[dict[str, Any]]:
    return (context.figures(name) or {}).get("rows", [])


def _sources(context: Context) -> list[dict[str, Any]]:
    """The sources, the one that finds most first; without their union."""
    found = [row for row in _rows(context, CANDIDATES) if row["source"] != UNION]
    return sorted(found, key=lambda row: (-(row["recall_500"] or 0.0), row["source"]))


def _metric(context: Context, system: str, metric: str, segment: str = EVERYBODY) -> dict[str, Any]:
    wanted = (system, segment, metric)
    rows = _rows(context, EVALUATION)
    return next((row for row in rows if (row["system"], row["segment"], row["metric"]) == wanted), {})


def funnel(context: Context) -> list[dict[str, Any]]:
    """Share of the hidden plays that is still there at each step: the best source, all, the ranker's 500, its ten."""
    sources = _sources(context)
    if not sources:
        return []
    union = next((row for row in _rows(context, CANDIDATES) if row["source"] == UNION), {})
    steps = [
        (f"{sources[0]['source']} alone", sources[0]["recall_500"]),
        (f"all {sum(bool(row['listeners']) for row in sources)} sources together", union.get("recall_500")),
        ("the ranker's 500", _metric(context, RANKER, "recall500").get("value")),
        ("the ranker's 100", _metric(context, RANKER, "recall100").get("value")),
        ("the ten that are shown", _metric(context, RANKER, "recall").get("value")),
    ]
    return [{"step": step, "recall": value} for step, value in steps if value is not None]


def _funnel(context: Context) -> Plot | None:
    rows = funnel(context)
    options = {"label": "step", "value": "recall", "title": "Share of hidden plays", "form": ".3f"}
    return plot(charts.ranking, rows, **options) if rows else None


def _alone(context: Context) -> Plot | None:
    rows = [{"source": row["source"], "alone": row["alone"]} for row in _sources(context) if row["alone"] is not None]
    rows.sort(key=lambda row: -row["alone"])
    options = {"label": "source", "value": "alone", "title": "Share of hidden plays", "form": ".4f"}
    return plot(charts.ranking, rows, **options) if rows else None


def view(context: Context) -> View:
    """The page."""
    steps = {row["step"]: row["recall"] for row in funnel(context)}
    run = context.run_of(EVALUATION)
    ten = steps.get("the ten that are shown")
    union = next((share for step, share in steps.items() if step.endswith("together")), None)
    lost = None if ten is None or union is None or not union else 1 - ten / union
    read = [row for row in _sources(context) if row["listeners"]]
    dead = [row["source"] for row in read if not row["recall_500"]]
    idle = [row["source"] for row in _sources(context) if not row["listeners"]]
    tiles = [
        Tile("Sources", number(len(read) or None), _told_dead(dead, idle) if read else "", "fail" if dead else "", run),
        Tile("All sources hold", percent(union), "of the hidden plays", run_id=context.run_of(CANDIDATES)),
        Tile("Ten songs hold", percent(ten), "of the hidden plays" if lost is None else _lost(lost), run_id=run),
        *(
            Tile(LABELS[metric], number(_metric(context, RANKER, metric).get("value"), 4), _interval(context, metric))
            for metric in ("map500", "ndcg", "precision")
        ),
    ]
    figures = [
        Figure("funnel", "From sources to ten songs", "Share of hidden plays left at each step", EMPTY, run_id=run),
        Figure("alone", "What only one source finds", "Share of hidden plays that no other has", EMPTY, run_id=run),
    ]
    subtitle = "By plays that were hidden from everything that learns"
    return View("Songs", subtitle, tiles, figures, [sources(context), segments(context)])


def _lost(share: float) -> str:
    return f"{percent(share, 0)} of what the sources hold is not among them"


def _told_dead(dead: list[str], idle: list[str]) -> str:
    found = f"finds nothing: {', '.join(dead)}" if dead else "each finds something"
    return f"{found}; without anything to read: {', '.join(idle)}" if idle else found


def _interval(context: Context, metric: str) -> str:
    found = _metric(context, RANKER, metric)
    return f"{number(found['low'], 4)} to {number(found['high'], 4)}" if found.get("low") is not None else ""


def sources(context: Context) -> Table:
    """What each source is good for: what it finds, what it alone finds, and how well it would serve by itself."""
    rows = []
    for source in _sources(context):
        name = source["source"]
        told = {metric: _metric(context, name, metric).get("value") for metric in LABELS}
        ahead = _metric(context, name, "ndcg").get("ahead")
        rows.append({**source, **told, "ahead": ahead})
    columns = (
        Column("source", "Source"),
        Column("recall_100", "Recall@100", "number"),
        Column("recall_500", "Recall@500", "number"),
        Column("alone", "Alone", "number"),
        *(Column(metric, LABELS[metric], "number") for metric in ("map500", "ndcg", "precision", "recall")),
        Column("ahead", "Ranker ahead, NDCG@10", "number"),
    )
    return Table("sources", "What each source is good for", "The source that finds most first", columns, rows, EMPTY)


def segments(context: Context) -> Table:
    """How well each system serves each segment of listeners."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _rows(context, EVALUATION):
        if row["metric"] in LABELS:
            key = (row["segment"], row["system"])
            of = {"segment": row["segment"], "system": row["system"], "listeners": row["listeners"]}
            found.setdefault(key, of)[row["metric"]] = row["value"]
    rows = sorted(found.values(), key=lambda row: (row["segment"] != EVERYBODY, row["segment"], -row.get("ndcg", 0.0)))
    columns = (
        Column("segment", "Segment"),
        Column("system", "System"),
        Column("listeners", "Listeners", "number"),
        *(Column(metric, label, "number") for metric, label in LABELS.items()),
    )
    return Table("segments", "By segment", "Listeners by songs known, and those who are new", columns, rows, EMPTY)


PAGE = Page(
    "songs",
    "Songs",
    view,
    charts={"funnel": _funnel, "alone": _alone},
    tables={"sources": sources, "segments": segments},
)

"""Next track and continuation: what is served beside every baseline, GraphSAGE by epoch, the map."""

from typing import Any

from buddies_core import charts
from quality.dashboard.context import Context
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, number, percent

NEXT, CONTINUE, CURVE, MAP = "next_track_evaluation", "continuation_evaluation", "graphsage_checkpoint", "latent_map"
EMPTY = "Nothing was made here. Run the systems: buddies run --system next_track, and --system continuation."
SERVED = ("blend (served)", "two stages (served)")
NEXT_LABELS = {"hit@10": "Hit@10", "hit@100": "Hit@100", "mrr@100": "MRR@100"}
CONTINUE_LABELS = {
    "r_precision": "R-precision",
    "r_precision_official": "Official R-precision",
    "ndcg@500": "NDCG@500",
    "clicks": "Clicks",
    "recall@500": "Recall@500",
}
WHOLE = "mean"
MEASURES = ("auc", "precision", "recall", "f1")


def _rows(context: Context, name: str) -> list[dict[str, Any]]:
    return (context.figures(name) or {}).get("rows", [])


def _ranked(context: Context, name: str, kind: str, metric: str) -> list[dict[str, Any]]:
    """Models by one figure, the best first; what their names say in brackets is in the table."""
    found = [row for row in _rows(context, name) if row["kind"] == kind]
    return [
        {"model": row["model"].split(" (")[0], "value": row[metric]}
        for row in sorted(found, key=lambda row: -(row[metric] or 0.0))
    ]


def _ranking(context: Context, name: str, kind: str, metric: str, title: str) -> Plot | None:
    rows = _ranked(context, name, kind, metric)
    return plot(charts.ranking, rows, label="model", value="value", title=title, form=".3f") if rows else None


def _next(context: Context) -> Plot | None:
    return _ranking(context, NEXT, "random", "hit@100", "Hit@100")


def _continuation(context: Context) -> Plot | None:
    return _ranking(context, CONTINUE, WHOLE, "ndcg@500", "NDCG@500")


def _curve(context: Context) -> Plot | None:
    rows = [
        {"epoch": row["epoch"], "measure": measure, "value": row[measure]}
        for row in _rows(context, CURVE)
        for measure in MEASURES
        if row[measure] is not None
    ]
    return plot(charts.lines, rows, x="epoch", y="value", series="measure", axis="Epoch") if rows else None


def _tile(context: Context, name: str, kind: str, metric: str, label: str, digits: int = 3) -> Tile:
    """The figure of what is served, with its interval and, where another model is better, that model's name."""
    rows = _rows(context, name)
    own = next((row for row in rows if row["kind"] == kind and row["model"] in SERVED), {})
    sign = -1 if metric == "clicks" else 1
    better = [
        row["model"]
        for row in rows
        if own and row["kind"] == kind and sign * (row[metric] or 0.0) > sign * (own[metric] or 0.0)
    ]
    note = f"{number(own[f'{metric}_low'], digits)} to {number(own[f'{metric}_high'], digits)}" if own else ""
    if better:
        note = f"{better[0]} is better"
    return Tile(label, number(own.get(metric), digits), note, "warn" if better else "", context.run_of(name))


def view(context: Context) -> View:
    """The page."""
    tiles = [
        _tile(context, NEXT, "last", "hit@100", "Next track, last song: hit@100"),
        _tile(context, NEXT, "random", "hit@100", "Next track, anywhere: hit@100"),
        _tile(context, CONTINUE, WHOLE, "r_precision", "Continuation: R-precision"),
        _tile(context, CONTINUE, WHOLE, "ndcg@500", "Continuation: NDCG@500"),
        _tile(context, CONTINUE, WHOLE, "clicks", "Continuation: clicks", 2),
        _map(context),
    ]
    of_next, of_rest, of_graph = (context.run_of(name) for name in (NEXT, CONTINUE, CURVE))
    figures = [
        Figure("next", "Which model finds the next track", "Hit@100 after a random prefix", EMPTY, run_id=of_next),
        Figure("continuation", "Which model continues a playlist", "NDCG@500, eight kinds", EMPTY, run_id=of_rest),
        Figure("curve", "GraphSAGE by epoch", "Hidden links of validation", EMPTY, run_id=of_graph),
    ]
    subtitle = "By playlists that nothing was trained on; intervals by a bootstrap over playlists"
    return View("Playlists in order", subtitle, tiles, figures, [next_track(context), continuation(context)])


def _map(context: Context) -> Tile:
    found = context.figures(MAP) or {}
    space = found.get("in_space")
    note = f"{percent(space, 0)} in the space of the vectors" if space is not None else ""
    return Tile("Map: neighbours of one genre", percent(found.get("in_plane"), 0), note, run_id=context.run_of(MAP))


def _table(context: Context, name: str, table: str, title: str, labels: dict[str, str], by: str) -> Table:
    rows = sorted(_rows(context, name), key=lambda row: (row["kind"] != WHOLE, row["kind"], -(row[by] or 0.0)))
    columns = (
        Column("kind", "Asked"),
        Column("model", "Model"),
        Column("queries", "Queries", "number"),
        *(Column(metric, label, "number") for metric, label in labels.items()),
    )
    return Table(table, title, "The best of each kind first", columns, rows, EMPTY)


def next_track(context: Context) -> Table:
    """Every model on every kind of question for the next track."""
    return _table(context, NEXT, "next_track", "Next track", NEXT_LABELS, "hit@100")


def continuation(context: Context) -> Table:
    """Every model on every category of continuation, their mean first."""
    return _table(context, CONTINUE, "continuation", "Continuation", CONTINUE_LABELS, "ndcg@500")


PAGE = Page(
    "sequences",
    "Sequences",
    view,
    charts={"next": _next, "continuation": _continuation, "curve": _curve},
    tables={"next_track": next_track, "continuation": continuation},
)

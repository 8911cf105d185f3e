"""One asset: how it is and why, its checks, versions, columns, failed attempts, and its neighbours in the graph."""

from buddies_core.errors import BuddiesError
from quality.column_lineage import column_lineage
from quality.dashboard.context import Context
from quality.dashboard.pages import asset_history as history
from quality.dashboard.pages.common import CHECK_COLUMNS, check_rows
from quality.dashboard.view import Column, Page, Table, Tile, View, age, number
from quality.health import State
from quality.owners import owner_of
from quality.profiles import MOST_ROWS, with_names
from quality.registry import spec_of

SAMPLE = 8


def view(context: Context) -> View | None:
    """The page; None when there is no such asset."""
    name = context.query.get("asset", "")
    health, made = context.health.get(name), context.latest.get(name)
    if health is None:
        return None
    checks = context.report.checks_of(name)
    passing = sum(check.state is State.OK for check in checks)
    tiles = [
        Tile("Health", health.state.label, "", health.state.tone, health.run_id),
        Tile("Rows", number(made.row_count) if made else "–", "of the newest version"),
        Tile(
            "Last made",
            f"{age((context.now - made.at).total_seconds())} ago" if made else "never",
            f"{made.at:%d %b %Y %H:%M} UTC" if made else "",
            run_id=made.run_id if made else None,
        ),
        Tile("Size", _size(context, name), "stored"),
        Tile("Owner", owner_of(name, context.owners), "is told of its incidents"),
        Tile("Checks passing", f"{passing} of {len(checks)}" if checks else "–", "" if checks else "it has none"),
    ]
    return View(
        title=name.replace("_", " "),
        subtitle=f"Asset {name}",
        tiles=tiles,
        figures=history.figures(context),
        tables=[
            asset_checks(context),
            neighbours(context),
            columns(context),
            history.learnt_table(context),
            sample(context),
            history.versions(context),
        ],
        text=[("Why", ". ".join(reason[0].upper() + reason[1:] for reason in health.reasons))],
    )


def _size(context: Context, name: str) -> str:
    manifest = context.sources.manifests.get(name)
    return f"{manifest.bytes / 2**20:,.1f} MiB" if manifest else "–"


def asset_checks(context: Context) -> Table:
    """The checks of the asset, the worst first."""
    found = context.report.checks_of(context.query.get("asset", ""))
    return Table(
        "checks", "Checks", "The worst first; last 28 evaluations, newest right", CHECK_COLUMNS,
        check_rows(context, found), "No check looks at this asset, or none has run yet: run quality_job.",
    )  # fmt: skip


def neighbours(context: Context) -> Table:
    """What the asset is made of, and what is made of it."""
    name = context.query.get("asset", "")
    drawn = context.graph.drawn
    after = [other for other, ups in drawn.items() if name in ups]
    found = [
        {"place": place, "asset": other, "health": context.health[other].state.label,
         "reason": context.health[other].reason}
        for place, others in (("upstream", drawn.get(name, ())), ("downstream", after))
        for other in others
    ]  # fmt: skip
    shown = (
        Column("place", "Where"),
        Column("asset", "Asset", "asset"),
        Column("health", "Health", "state"),
        Column("reason", "Why"),
    )
    return Table("neighbours", "Upstream and downstream", "One step each way", shown, found, "It stands alone.")


def columns(context: Context) -> Table:
    """The columns of the stored version: what the schema allows, and what a sample of its rows holds."""
    name = context.query.get("asset", "")
    manifest, schema = context.sources.manifests.get(name), spec_of(name).schema
    fields = schema.fields if schema else {}
    held = {row["column"]: row for row in context.sources.columns.get(name, [])}
    sources = column_lineage(name, context.graph.made_of.get(name, ()))
    found = [
        {"column": column, "type": kind, "made_of": ", ".join(map(".".join, sources.get(column, ()))) or "–"}
        | held.get(column, {})
        | {"allowed": ("may be null" if fields[column].nullable else "never null") if column in fields else "–"}
        for column, kind in (manifest.columns if manifest else {}).items()
    ]  # fmt: skip
    figures = (("nulls", "Share of nulls"), ("distinct", "Different"), ("min", "Least"), ("p1", "1 %"), ("p25", "25 %"),
               ("median", "Median"), ("p75", "75 %"), ("p99", "99 %"), ("max", "Greatest"),
               ("mean", "Mean"))  # fmt: skip
    shown = (
        Column("column", "Column", "code"),
        Column("type", "Type", "code"),
        Column("allowed", "Schema says"),
        Column("made_of", "Made of", "code"),
        Column("of", "Figures of"),
        *(Column(key, label, "number") for key, label in figures),
    )
    rows = [{key: None for key, _ in figures} | {"of": "–"} | row for row in found]
    told = f"Of at most {MOST_ROWS:,} rows of all shards; of lists, their lengths"
    return Table("columns", "Columns", told, shown, rows, "It is not stored as a table.")


def sample(context: Context) -> Table:
    """The first rows of the stored version, with the pid and name of playlists."""
    stored = context.sources.stored
    sound = {name: dataset for name, dataset in stored.datasets.items() if name not in stored.damage}
    dataset = sound.get(context.query.get("asset", ""))
    if dataset is None or not dataset.manifest.shards:
        return Table("sample", "Sample rows", "", (), [], "There is no row to show.")
    try:
        first = dataset.shard_rows(0, 0, min(SAMPLE, dataset.manifest.shards[0].rows))
        rows = with_names(first, sound.get("playlist_library"), sound.get("mpd_playlists"))
    except (BuddiesError, OSError) as error:
        return Table("sample", "Sample rows", "", (), [], f"It cannot be read: {error}")
    shown = tuple(Column(name, name) for name in rows.columns)
    return Table("sample", "Sample rows", "The first of the stored version", shown, rows.to_dicts(), "It has no rows.")


PAGE = Page(
    "asset",
    "Asset",
    view,
    charts={"rows": history.row_counts, "followed": history.followed},
    tables={
        "checks": asset_checks,
        "neighbours": neighbours,
        "columns": columns,
        "learnt": history.learnt_table,
        "sample": sample,
        "versions": history.versions,
    },
)

"""Training data: how many users, blocks and triplets, what is wrong with them, and how they are distributed."""

from dataclasses import dataclass
from typing import Any

from buddies_core import charts
from quality.dashboard.context import Context
from quality.dashboard.pages.common import CHECK_COLUMNS, check_rows
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, number, percent
from quality.dataset_spec import Chart
from quality.registry import dataset_specs

EMPTY = "Not computed yet. Materialise the asset {}; its figures appear within seconds."
CHECKED = ("user_blocks", "triplets", "splits", "playlist_ownership")


@dataclass(frozen=True)
class Histogram:
    """A chart of a dataset's spec, and the dataset."""

    name: str
    asset: str
    chart: Chart

    def spread(self, context: Context) -> dict[str, Any] | None:
        """The figure, where it is known already."""
        found = context.figures(self.asset)
        return found.get(self.chart.figure) if found else None

    def plot(self, context: Context) -> Plot | None:
        """The drawing; None without figures."""
        spread = self.spread(context)
        if not spread or not spread["bins"]:
            return None
        return plot(charts.histogram, spread["bins"], axis=self.chart.axis, count=self.chart.count)


def histograms() -> list[Histogram]:
    """Every chart that a dataset's spec asks for, in the order of the datasets."""
    return [
        Histogram(name, spec.name, chart) for spec in dataset_specs().values() for name, chart in spec.charts.items()
    ]


def _shown(context: Context) -> list[Histogram]:
    return [one for one in histograms() if one.asset in context.health]


def _spread(context: Context, asset: str, figure: str = "per_user") -> dict[str, Any]:
    return (context.figures(asset) or {}).get(figure) or {}


def _lorenz(context: Context) -> Plot | None:
    found = context.figures("playlist_ownership")
    return plot(charts.lorenz, found["lorenz"], who="owners", what="playlists") if found and found["lorenz"] else None


def view(context: Context) -> View:
    """The page."""
    figures = [
        Figure(
            h.name, h.chart.title, _summary(h.spread(context)), EMPTY.format(h.asset), run_id=context.run_of(h.asset)
        )
        for h in _shown(context)
    ]
    owned = context.figures("playlist_ownership") or {}
    tops = " · ".join(f"top {of} % hold {percent(share)}" for of, share in owned.get("top_shares", {}).items())
    subtitle = f"Gini {number(owned.get('gini'), 2)} · {tops}"
    lorenz = Figure(
        "lorenz",
        "Lorenz curve of ownership",
        subtitle if owned else "",
        EMPTY.format("playlist_ownership"),
        run_id=context.run_of("playlist_ownership"),
    )
    missing = [shown.asset for shown in _shown(context) if context.figures(shown.asset) is None]
    return View(
        title="Training data",
        subtitle="The stored version of each dataset, whatever the range of days",
        tiles=_tiles(context),
        figures=[*figures[:5], lorenz, *figures[5:]],
        tables=[distributions(context), block_checks(context)],
        notice=f"Waiting for {', '.join(sorted(set(missing)))}: materialise them; figures follow within seconds."
        if missing
        else "",
    )


def _tiles(context: Context) -> list[Tile]:
    blocks = context.figures("user_blocks") or {}
    per_user = blocks.get("per_user") or {}
    triplets, liked = _spread(context, "triplets"), _spread(context, "liked_playlists")
    owned = context.figures("playlist_ownership") or {}
    songs = context.figures("songs") or {}
    run = context.run_of("user_blocks")
    without, inconsistent = blocks.get("without_positive"), blocks.get("inconsistent")
    return [
        Tile("Distinct users", number(per_user.get("count")), "with a user-block", run_id=run),
        Tile("User-blocks", number(blocks.get("blocks")), f"{number(per_user.get('mean'), 1)} per user", run_id=run),
        Tile("Blocks with no positive", number(without), "must be 0", _must_be_none(without), run),
        Tile("Inconsistent positives", number(inconsistent), "must be 0", _must_be_none(inconsistent), run),
        Tile(
            "Triplets per user",
            number(triplets.get("mean"), 1),
            f"median {number(triplets.get('median'))}, max {number(triplets.get('max'))}",
            run_id=context.run_of("triplets"),
        ),
        Tile(
            "Liked per user",
            number(liked.get("mean"), 1),
            f"median {number(liked.get('median'))}, max {number(liked.get('max'))}",
            run_id=context.run_of("liked_playlists"),
        ),
        Tile(
            "Ownership Gini",
            number(owned.get("gini"), 2),
            f"top 1 % own {percent(owned.get('top_percent'))}; {percent(owned.get('without_owner'))} have no owner",
            run_id=context.run_of("playlist_ownership"),
        ),
        Tile("Songs shared", number(songs.get("rows")), "by both sources", run_id=context.run_of("songs")),
    ]


def _must_be_none(count: int | None) -> str:
    return "" if count is None else "fail" if count else "ok"


def _summary(spread: dict[str, Any] | None) -> str:
    if not spread or not spread["count"]:
        return ""
    digits = 3 if spread["max"] <= 1 else 1
    shown = ("mean", "median", "p90", "p99", "max")
    return " · ".join(f"{name} {number(spread[name], digits)}" for name in shown)


def distributions(context: Context) -> Table:
    """The quantiles behind the histograms."""
    found = []
    for one in _shown(context):
        spread = one.spread(context)
        if spread and spread["count"]:
            measures = {m: spread[m] for m in ("count", "mean", "p1", "median", "p90", "p99", "max")}
            found.append({"measure": one.chart.title, "asset": one.asset, **measures, "run": context.run_of(one.asset)})
    columns = (
        Column("measure", "Measure"),
        Column("asset", "Asset", "code"),
        *(Column(m, m.capitalize(), "number") for m in ("count", "mean", "p1", "median", "p90", "p99", "max")),
        Column("run", "Run", "run"),
    )
    return Table("distributions", "Distributions", "Quantiles of each measure", columns, found, EMPTY.format("scores"))


def block_checks(context: Context) -> Table:
    """Where the checks of the training data stand."""
    found = [check for check in context.checks if check.asset in CHECKED]
    return Table(
        "checks",
        "Data-quality checks",
        "Last 28 evaluations, newest right",
        CHECK_COLUMNS,
        check_rows(context, found),
        "No check has run yet: run quality_job, or materialise the assets.",
    )


PAGE = Page(
    "training",
    "Training data",
    view,
    charts={"lorenz": _lorenz},
    more_charts=lambda: {one.name: one.plot for one in histograms()},
    tables={"distributions": distributions, "checks": block_checks},
)

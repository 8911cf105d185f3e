"""Models: every version with its metrics, epoch by epoch; search trials; who is champion; what listeners think."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from buddies_core import charts
from buddies_core.postgres.schema import rows as query
from quality.dashboard.context import Context
from quality.dashboard.pages.comparison import comparison
from quality.dashboard.pages.decisions import decisions
from quality.dashboard.pages.returning import returning
from quality.dashboard.plot import Plot, plot
from quality.dashboard.view import Column, Figure, Page, Table, Tile, View, age, number, percent
from quality.history import assets, feedback

EMPTY = "No version of the model yet. Materialise bpr_checkpoint."
UNJUDGED = "No version was judged: there were too few held-out likes."
NO_TRIALS = "No search has run yet. Materialise bpr_search, or run search_job."
UNTRIED = "No trial was judged: the last search took its settings as they are, or had too few held-out likes."
LABELS = {"mrr": "MRR", "hit 1": "Hit@1", "hit 5": "Hit@5", "hit 10": "Hit@10", "ndcg 10": "NDCG@10"}
MEASURES = tuple(LABELS)
SHOWN_VERSIONS = 6


def _made(context: Context) -> list[dict[str, Any]]:
    return context.once("retrainings", lambda: assets.retrainings(context.connection))


def view(context: Context) -> View:
    """The page."""
    made = _made(context)
    last = made[-1] if made else None
    channels = context.sources.channels()
    champion, challenger = channels.get("champion") or "", channels.get("challenger") or {}
    mrr = _metric(last, "mrr") if last else None
    tiles = [
        Tile(
            "Versions",
            number(len(made)),
            f"newest {last['version']}" if last else "",
            run_id=last["run_id"] if last else None,
        ),
        Tile("Champion", champion or "–", "served to listeners" if champion else "nothing is served"),
        Tile("Challenger", challenger.get("version", "–"), percent(challenger.get("share")) if challenger else "none"),
        Tile("MRR of the newest", number(mrr, 3), "validation, 50 negatives", run_id=last["run_id"] if last else None),
        Tile("Last trained", f"{age((context.now - last['at']).total_seconds())} ago" if last else "never", ""),
    ]
    no_metrics, no_trials = (UNJUDGED if made else EMPTY), (UNTRIED if _trials(context) else NO_TRIALS)
    figures = [
        Figure(
            "epochs",
            "Validation MRR per epoch",
            "The newest versions",
            no_metrics,
            run_id=last["run_id"] if last else None,
        ),
        Figure("versions", "Metrics per version", "Validation, in the order of training", no_metrics),
        Figure(
            "trials",
            "Search trials",
            "Validation MRR of each trial, best first",
            no_trials,
            run_id=context.run_of("bpr_search"),
        ),
        Figure(
            "online",
            "Online like-rate",
            "Likes per recommendation served",
            "Nothing was served in this range.",
            wide=False,
        ),
    ]
    return View(
        "Models",
        "Offline metrics beside what listeners do",
        tiles,
        figures,
        [table(context) for table in TABLES.values()],
    )


def _metric(version: dict[str, Any], name: str) -> float | None:
    metrics = version["metrics"]
    return metrics.get(name, metrics.get(name.replace(" ", "_")))


def epochs(context: Context) -> Plot | None:
    """MRR per epoch of the newest versions."""
    rows = [
        {"epoch": e.get("epoch"), "mrr": e.get("mrr"), "version": version["version"]}
        for version in _made(context)[-SHOWN_VERSIONS:]
        for e in version["epochs"]
        if e.get("mrr") is not None
    ]
    return plot(charts.lines, rows, x="epoch", y="mrr", series="version", axis="epoch") if rows else None


def versions_chart(context: Context) -> Plot | None:
    """Metrics of each version."""
    rows = [
        {"number": i + 1, "measure": measure, "value": _metric(version, measure)}
        for i, version in enumerate(_made(context))
        for measure in MEASURES
        if _metric(version, measure) is not None
    ]
    return plot(charts.lines, rows, x="number", y="value", series="measure", axis="version, in order") if rows else None


def _trials(context: Context) -> list[dict[str, Any]]:
    found = query(
        context.connection,
        "SELECT metadata -> 'trials' AS trials FROM quality.materialisations WHERE asset = 'bpr_search'"
        " ORDER BY at DESC LIMIT 1",
    )
    trials = found[0]["trials"] if found else None
    return trials if isinstance(trials, list) else []


def trials(context: Context) -> Plot | None:
    """MRR of each trial of the last search."""
    rows = [
        {"trial": i + 1, "mrr": trial["mrr"], "series": "trial"}
        for i, trial in enumerate(_trials(context))
        if isinstance(trial.get("mrr"), (int, float))
    ]
    return plot(charts.lines, rows, x="trial", y="mrr", series="series", axis="trial") if rows else None


def trials_table(context: Context) -> Table:
    """The trials of the last search."""
    found = [{name: _readable(value) for name, value in trial.items()} for trial in _trials(context)]
    columns = tuple(
        Column(name, name.replace("_", " "), "text" if isinstance(value, str) else "number")
        for name, value in (found[0] if found else {}).items()
    )
    return Table("trials", "Search trials", "Of the last search", columns, found, NO_TRIALS)


def _readable(value: Any) -> Any:
    """A choice of a trial as text: mappings without their braces."""
    if isinstance(value, str) and value.startswith("{"):
        return re.sub(r"[{}'\"]", "", re.sub(r"(\d\.\d{3})\d+", r"\1", value)).replace(": ", " ")
    return value


def versions(context: Context) -> Table:
    """One row a version, the newest first."""
    found = []
    for version in reversed(_made(context)):
        metrics = {m.replace(" ", "_"): _metric(version, m) for m in MEASURES}
        trained = {"version": version["version"], "at": version["at"], "run": version["run_id"]}
        found.append({**trained, **metrics, "epochs": len(version["epochs"])})
    columns = (
        Column("version", "Version", "code"),
        Column("at", "Trained", "when"),
        *(Column(m.replace(" ", "_"), LABELS[m], "number") for m in MEASURES),
        Column("epochs", "Epochs", "number"),
        Column("run", "Run", "run"),
    )
    return Table("versions", "Versions", "Newest first", columns, found, EMPTY)


@dataclass
class Online:
    """What listeners did with one version in the range, and since when it is served at all."""

    version: str
    since: date | None
    arm: str = ""
    lists: int = 0
    likes: int = 0
    rank_sum: int = 0

    @property
    def rate(self) -> float | None:
        """Likes per list served."""
        return self.likes / self.lists if self.lists else None


def _online(context: Context) -> list[Online]:
    """The versions that met listeners in the range, in the order in which they were first served."""
    first = feedback.first_served(context.connection)
    found: dict[str, Online] = {}
    for one in feedback.likes(context.connection, context.period.first, context.period.after):
        held = found.setdefault(one.version, Online(one.version, first.get(one.version)))
        held.lists += one.lists
        held.likes += one.likes
        held.rank_sum += one.rank_sum
        held.arm = one.arm or held.arm
    return sorted(found.values(), key=lambda v: (v.since is None, v.since or date.min, v.version))


def online_table(context: Context) -> Table:
    """What listeners did with each served version in the range."""
    found = [
        {
            "version": v.version,
            "arm": v.arm,
            "since": v.since.isoformat() if v.since else "not known",
            "lists": v.lists,
            "likes": v.likes,
            "rate": v.rate,
            "rank": v.rank_sum / v.likes if v.likes else None,
        }
        for v in reversed(_online(context))
    ]
    columns = (
        Column("version", "Served version", "code"),
        Column("arm", "Arm"),
        Column("since", "Served since"),
        Column("lists", "Lists served", "number"),
        Column("likes", "Likes", "number"),
        Column("rate", "Like-rate", "number"),
        Column("rank", "Mean rank of the liked", "number"),
    )
    return Table("online", "Online", "In the range of days", columns, found, "No listener met a model in this range.")


def online(context: Context) -> Plot | None:
    """Like-rate of each served version."""
    rows = [{"version": v.version, "rate": round(v.rate, 4)} for v in _online(context) if v.rate is not None]
    return (
        plot(charts.ranking, rows, label="version", value="rate", title="likes per list", form=".3f") if rows else None
    )


TABLES = {
    "decisions": decisions,
    "comparison": comparison,
    "returning": returning,
    "versions": versions,
    "online": online_table,
    "trials": trials_table,
}

PAGE = Page(
    "models",
    "Models",
    view,
    charts={"epochs": epochs, "versions": versions_chart, "trials": trials, "online": online},
    tables=TABLES,
)

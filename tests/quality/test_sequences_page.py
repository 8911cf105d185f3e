"""The dashboard's page of next track and continuation: what is served beside every baseline."""

from types import SimpleNamespace
from typing import Any

from quality.dashboard.pages import sequences

METRICS = ("hit@10", "hit@100", "mrr@100")


def row(model: str, kind: str, value: float) -> dict[str, Any]:
    figures = {name: value for metric in METRICS for name in (metric, f"{metric}_low", f"{metric}_high")}
    return {"model": model, "kind": kind, "queries": 9, **figures}


def context(**figures: Any) -> Any:
    return SimpleNamespace(figures=figures.get, run_of=lambda name: None)


NEXT = [row("blend (served)", "last", 0.25), row("STAN", "last", 0.2), row("STAN", "random", 0.4)]
MADE = context(
    next_track_evaluation={"rows": [*NEXT, row("blend (served)", "random", 0.3)]},
    latent_map={"in_space": 0.88, "in_plane": 0.84},
    graphsage_checkpoint={"rows": [{"epoch": 0, "auc": 0.8, "precision": 0.7, "recall": 0.6, "f1": None}]},
)


def test_what_is_served_stands_with_its_interval_and_a_better_baseline_is_named() -> None:
    tiles = {tile.label: tile for tile in sequences.view(MADE).tiles}
    last, anywhere = (tiles[f"Next track, {kind}: hit@100"] for kind in ("last song", "anywhere"))
    assert (last.value, last.note, last.state) == ("0.250", "0.250 to 0.250", "")
    assert (anywhere.value, anywhere.note, anywhere.state) == ("0.300", "STAN is better", "warn")
    assert tiles["Map: neighbours of one genre"].value == "84 %"
    assert tiles["Continuation: clicks"].value == "–"


def test_models_are_ranked_the_curve_leaves_out_what_is_not_measured() -> None:
    drawn = sequences.PAGE.charts["next"](MADE)
    assert [bar["model"] for bar in drawn.arguments[0]] == ["STAN", "blend"]
    curve = sequences.PAGE.charts["curve"](MADE).arguments[0]
    assert [(point["measure"], point["value"]) for point in curve] == [
        ("auc", 0.8),
        ("precision", 0.7),
        ("recall", 0.6),
    ]
    assert [(r["kind"], r["model"]) for r in sequences.next_track(MADE).rows][:2] == [
        ("last", "blend (served)"),
        ("last", "STAN"),
    ]


def test_where_nothing_was_made_the_page_says_how() -> None:
    shown = sequences.view(context())
    assert {figure.empty for figure in shown.figures} == {table.empty for table in shown.tables} == {sequences.EMPTY}
    assert [sequences.PAGE.charts[name](context()) for name in ("next", "continuation", "curve")] == [None] * 3

"""The dashboard's page of songs: what is left at each step, and what each source is good for."""

from types import SimpleNamespace
from typing import Any

import pytest

from quality.dashboard.pages import songs

SOURCES = [
    {"source": "als", "listeners": 9, "recall_100": 0.2, "recall_500": 0.3, "alone": 0.05},
    {"source": "ease", "listeners": 9, "recall_100": 0.25, "recall_500": 0.4, "alone": 0.1},
    {"source": "dead", "listeners": 9, "recall_100": 0.0, "recall_500": 0.0, "alone": 0.0},
    {"source": "union", "listeners": 9, "recall_100": None, "recall_500": 0.5, "alone": None},
]


def row(system: str, metric: str, value: float, segment: str = "all", **more: float) -> dict[str, Any]:
    none = dict.fromkeys(("low", "high", "ahead", "ahead_low", "ahead_high"))
    return {"system": system, "segment": segment, "metric": metric, "listeners": 9, "value": value, **none, **more}


EVALUATION = [
    row("ranker", "recall500", 0.45),
    row("ranker", "recall100", 0.3),
    row("ranker", "recall", 0.1),
    row("ranker", "map500", 0.08, low=0.07, high=0.09),
    row("ranker", "ndcg", 0.16),
    row("ranker", "novelty", 1.0),
    row("ease", "ndcg", 0.14, ahead=0.02),
    row("ease", "ndcg", 0.2, segment="over 30 songs known"),
]


def context(**figures: list[dict[str, Any]]) -> Any:
    held = {name: {"rows": rows} for name, rows in figures.items()}
    return SimpleNamespace(figures=held.get, run_of=lambda name: None)


MADE = context(song_candidates=SOURCES, song_evaluation=EVALUATION)


def test_the_funnel_says_what_is_left_at_each_step() -> None:
    assert [(step["step"], step["recall"]) for step in songs.funnel(MADE)] == [
        ("ease alone", 0.4),
        ("all 3 sources together", 0.5),
        ("the ranker's 500", 0.45),
        ("the ranker's 100", 0.3),
        ("the ten that are shown", 0.1),
    ]


def test_a_dead_source_is_named_and_what_is_lost_on_the_way_is_said() -> None:
    tiles = {tile.label: tile for tile in songs.view(MADE).tiles}
    assert (tiles["Sources"].value, tiles["Sources"].note, tiles["Sources"].state) == (
        "3",
        "finds nothing: dead",
        "fail",
    )
    assert (tiles["Ten songs hold"].value, tiles["Ten songs hold"].note) == (
        "10.0 %",
        "80 % of what the sources hold is not among them",
    )
    assert tiles["mAP@500"].note == "0.0700 to 0.0900"


def test_each_source_stands_with_what_it_alone_finds_and_how_far_the_ranker_is_ahead() -> None:
    rows = songs.sources(MADE).rows
    assert [(r["source"], r["recall_500"], r["alone"], r["ndcg"], r["ahead"]) for r in rows] == [
        ("ease", 0.4, 0.1, 0.14, 0.02),
        ("als", 0.3, 0.05, None, None),
        ("dead", 0.0, 0.0, None, None),
    ]
    assert [r["segment"] for r in songs.segments(MADE).rows] == ["all", "all", "over 30 songs known"]


@pytest.mark.parametrize("empty", [context(), context(song_candidates=[], song_evaluation=[])])
def test_without_songs_the_page_says_how_they_are_made(empty: Any) -> None:
    view = songs.view(empty)
    assert all("buddies run --system songs" in figure.empty for figure in view.figures)
    assert [songs.PAGE.charts[name](empty) for name in ("funnel", "alone")] == [None, None]
    assert [list(table.rows) for table in view.tables] == [[], []]


def test_the_charts_are_drawn() -> None:
    assert all(draw(MADE) is not None for draw in songs.PAGE.charts.values())


def test_a_source_that_had_nothing_to_read_is_no_dead_one() -> None:
    idle = {"source": "lately", "listeners": 0, "recall_100": 0.0, "recall_500": 0.0, "alone": 0.0}
    told = [row for row in SOURCES if row["source"] != "dead"]
    tiles = {tile.label: tile for tile in songs.view(context(song_candidates=[*told, idle])).tiles}
    found = (tiles["Sources"].value, tiles["Sources"].note, tiles["Sources"].state)
    assert found == ("2", "each finds something; without anything to read: lately", "")

"""What a run shows while it goes on: every asset as it is turned to, also where there is no terminal."""

import io

import dagster as dg
from rich.console import Console

from buddies_assets.cli.progressing import progress_bars
from buddies_assets.cli.running import _materialise


@dg.asset
def plays() -> int:
    return 3


@dg.asset
def lists(plays: int) -> int:
    return plays + 1


def test_without_a_terminal_a_line_names_each_asset_when_its_turn_comes() -> None:
    job = dg.Definitions(assets=[plays, lists], jobs=[dg.define_asset_job("both")]).resolve_job_def("both")
    text = io.StringIO()
    with dg.DagsterInstance.ephemeral() as instance, progress_bars(Console(file=text, width=160)) as lines:
        made = _materialise(instance, lines, job)
    said = text.getvalue().splitlines()
    assert made == {"plays", "lists"}
    assert [line.split(",")[0] for line in said[:2]] == ["1 of 2: plays", "2 of 2: lists"]
    assert said[2].startswith("✓ 2 assets materialised")


def test_on_a_terminal_one_bar_says_which_asset_it_is() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=160)
    with progress_bars(console) as bars:
        bars.turn_to("plays", 1, 2)
        bars.turn_to("lists", 2, 2)
        (task,) = bars._display.tasks
        assert (task.description, task.completed, task.total) == ("lists", 1, 2)

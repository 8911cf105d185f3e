"""The `buddies` command: every way a person starts, looks at and feeds the project from a terminal."""

import sys
from typing import Annotated

import typer

from buddies_assets.cli.commands import (
    database,
    datasets,
    evaluating,
    fitting,
    living,
    looking,
    recommending,
    running,
)
from buddies_assets.cli.console import console, plain_console, styled
from buddies_assets.cli.failing import as_line, foreseen

app = typer.Typer(
    help="Organic playlists, recommended to listeners of like taste.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="The embedded PostgreSQL.", no_args_is_help=True)
app.add_typer(db, name="db")
evaluate = typer.Typer(help="How good a system is, by its likes and by its listeners.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.print(f"buddies {version('spotify-buddies')}", highlight=False)
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Organic playlists, recommended to listeners of like taste."""


# The help lists commands in this order.
for command in (
    *(running.run, running.up),
    *(looking.status, looking.checks, looking.models, looking.logs, looking.incident),
    fitting.fit,
    *(datasets.datasets, datasets.show, datasets.export, datasets.synth),
    recommending.recommend,
    *(living.simulate, living.promote, living.rollback),
    datasets.gc,
    living.forget,
    looking.settings,
    *(fitting.fit_playlists, recommending.recommend_songs, recommending.recommend_tracks),
):
    app.command(command.__name__.replace("_", "-"))(command)

evaluate.command("artists")(evaluating.evaluate_artists)
evaluate.command("songs")(evaluating.evaluate_songs)
evaluate.command("playlists")(evaluating.evaluate_playlists)
evaluate.command("next_track")(evaluating.evaluate_next_track)
evaluate.command("continuation")(evaluating.evaluate_continuation)

db.command("start")(database.db_start)
db.command("stop")(database.db_stop)
db.command("url")(database.db_url)


def main() -> None:
    """Run the command; an error that the project foresees is printed as one message, not as a traceback."""
    try:
        app()
    except foreseen() as error:
        told = as_line(error)
        plain_console(stderr=True).print(styled(("Error:", "bold red"), f" {told}"), soft_wrap=True)
        sys.exit(1)

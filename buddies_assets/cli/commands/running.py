"""Commands that make the graph and start the servers: `run`, `up`."""

from typing import Annotated

import typer

from buddies_assets.cli.console import console


def run(
    users: Annotated[int, typer.Option(help="For how many users to show recommendations at the end.")] = 3,
    system: Annotated[str, typer.Option(help="Which system to make; `all` makes every one installed.")] = "playlists",
    select: Annotated[
        str | None,
        typer.Option(
            help="Only these assets, with commas between; `+name`, `name+` a step more, `*name`, `name*` all."
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Make nothing; say what would be, with its last time and disk."),
    ] = False,
) -> None:
    """Materialise the whole graph, run its checks, and print datasets, evaluation and recommendations."""
    from buddies_assets.cli.running import run_everything, show_plan

    if dry_run:
        show_plan(console, system, select)
    else:
        run_everything(console, users, system, select)


def up(
    only: Annotated[
        list[str] | None, typer.Option(help="Start these only: code, dagster, daemon, service, dashboard, mlflow.")
    ] = None,
) -> None:
    """Start the database, Dagster's UI and daemon, the service, the dashboard and MLflow; Ctrl-C stops them all."""
    from buddies_assets.cli.supervising import up as start

    raise typer.Exit(start(console, only or ()))

"""Commands that say how the installation is: `status`, `checks`, `models`, `logs`, `incident`, `settings`."""

from typing import Annotated

import typer

from buddies_assets.cli.console import console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def status(*, as_json: AsJson = False) -> None:
    """Say what is healthy, what is served and what runs; exit code 1 while an incident is open."""
    from buddies_assets.cli.health import print_status, read_status
    from buddies_core.settings import Settings

    raise typer.Exit(print_status(console, read_status(Settings()), as_json=as_json))


def checks(
    asset: Annotated[str | None, typer.Argument(help="The asset; all where none is named.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the checks of ASSET, or all, the worst first; exit code 1 where one fails or could not say."""
    from buddies_assets.cli.health import print_checks, read_status
    from buddies_core.settings import Settings

    raise typer.Exit(print_checks(console, read_status(Settings()).report, asset, as_json=as_json))


def models(
    first: Annotated[str | None, typer.Argument(help="The version that is measured against.")] = None,
    second: Annotated[str | None, typer.Argument(help="The version that is judged.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the stored versions of what is served, or compare two of them on the same listeners, by segment."""
    from buddies_assets.cli.versions import show_models
    from buddies_core.settings import Settings

    show_models(console, Settings(), first, second, as_json=as_json)


def logs(
    server: Annotated[str | None, typer.Argument(help="Whose log; without it those that there are.")] = None,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")] = False,
) -> None:
    """Show the end of a server's log (`buddies logs service`), or name the logs that there are."""
    from buddies_assets.cli.logs import followed, last_lines, log_of, names
    from buddies_core.settings import Settings

    home = Settings().local_home
    if server is None:
        typer.echo("\n".join(names(home)) or "No server has written a log here: start them with `buddies up`.")
        return
    file = log_of(home, server)
    for line in last_lines(file, lines):
        typer.echo(line)
    if follow:
        for line in followed(file):
            typer.echo(line)


def incident(
    number: Annotated[int, typer.Argument(help="The incident's number, as `buddies status` prints it.")],
    *,
    acknowledge: Annotated[bool, typer.Option("--acknowledge", help="Say that you have taken it.")] = False,
    assign: Annotated[str | None, typer.Option(help="Give it to somebody.")] = None,
    mute: Annotated[float | None, typer.Option(min=0, help="Hours in which nobody is told; 0 ends it.")] = None,
    note: Annotated[str | None, typer.Option(help="Write something beside it.")] = None,
    by: Annotated[str, typer.Option(help="Your name.", envvar="USER")] = "",
) -> None:
    """Acknowledge, assign, mute or note an incident."""
    from buddies_assets.cli.health import Step, change_incident
    from buddies_core.settings import Settings

    if not acknowledge and assign is None and mute is None and note is None:
        raise typer.BadParameter("say what to do: --acknowledge, --assign, --mute or --note")
    change_incident(Settings(), number, by, Step(acknowledge, assign, mute, note))
    console.print(f"Incident {number} is changed.", highlight=False)


def settings() -> None:
    """Print the table of settings, as docs/settings.md has it."""
    from buddies_assets.cli.tables import settings_markdown

    console.print(settings_markdown(), soft_wrap=True, markup=False, highlight=False)

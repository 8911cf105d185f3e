"""Commands of the living loop: `simulate`, `promote`, `rollback`, `forget`."""

from typing import Annotated

import typer

from buddies_assets.cli.console import console


def simulate(
    users: Annotated[int, typer.Option(min=1, help="Listeners taking part.")] = 500,
    days: Annotated[float, typer.Option(min=0.01, help="Days of listening, ending now.")] = 14.0,
    rate: Annotated[float, typer.Option(min=0.01, help="Lists that a listener asks for in a day, in the mean.")] = 1.0,
    preference: Annotated[
        str, typer.Option(help="`taste`: niches or hidden plays, noise and position; `score`: song overlap; `chance`.")
    ] = "taste",
) -> None:
    """Let simulated listeners ask the running service and like playlists: weeks of feedback in a minute."""
    from buddies_assets.cli.simulating import simulate as start

    start(console, users=users, days=days, rate=rate, preference=preference)


def promote(reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "by hand") -> None:
    """Make the challenger the champion, whatever its trial says."""
    from buddies_assets.release import commands
    from buddies_core.settings import Settings

    console.print(commands.promote(Settings(), reason=reason))


def rollback(reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "by hand") -> None:
    """End the challenger's trial; without one, serve the champion before this one."""
    from buddies_assets.release import commands
    from buddies_core.settings import Settings

    console.print(commands.rollback(Settings(), reason=reason))


def forget(user: Annotated[str, typer.Argument(help="The listener, by number or by 40-hex id.")]) -> None:
    """Take USER out of feedback, datasets, served models, lists and logs, and leave them out of later readings."""
    from buddies_assets.cli.forgetting import forget as start

    start(console, user)

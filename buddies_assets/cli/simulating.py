"""`buddies simulate`: listeners of a clock of their own, and what came of them."""

from rich.console import Console
from rich.table import Table

from buddies_assets.cli.progressing import progress_bars
from buddies_assets.simulation import command
from buddies_core.settings import Settings
from buddies_core.storage import progress


def simulate(console: Console, *, users: int, days: float, rate: float, preference: str) -> None:
    """Run the simulation with progress, then print how often and at which place a list was liked."""
    total = max(1, round(users * days * rate))
    with progress_bars(console), progress.track("lists shown", total=total) as tracker:
        report = command.simulate(
            Settings(),
            users=users,
            days=days,
            rate=rate,
            preference=preference,
            on_progress=lambda _: tracker.advance(),
        )
    seconds = max(report.seconds, 1e-9)
    console.print(
        f"{report.lists:,} lists shown to {users:,} listeners over {days:g} days, {report.likes:,} liked "
        f"({report.rate:.1%}), in {report.seconds:.1f} s ({report.lists / seconds:,.0f} lists/s)"
    )
    table = Table("place of the liked playlist", "likes", title="Where in the list")
    for place, likes in sorted(report.ranks.items()):
        table.add_row(str(place), f"{likes:,}")
    console.print(table)

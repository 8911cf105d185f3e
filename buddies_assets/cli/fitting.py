"""`buddies fit` and `buddies evaluate`: what they read, what they made of it, and the table of the judge."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from buddies_assets.cli.console import styled
from buddies_assets.release.sharing import share
from buddies_assets.sources.interactions_file import Columns
from buddies_assets.systems.artists.commands import SHOWN, Evaluated, evaluate_files, fit
from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings


class NoSuchSystemError(BuddiesError):
    """A system that cannot be evaluated on files."""


def fit_file(console: Console, file: Path, name: str | None, columns: Columns, tags: Path | None, trials: int) -> None:
    """Fit and publish, then say what was read, what was set aside, and how to ask for recommendations."""
    settings = Settings()
    name = name or file.name.split(".")[0]
    done = fit(settings.local_home, file, name, columns=columns, tags=tags, trials=trials, seed=settings.seed)
    share(settings)
    read = ", ".join(f"{meaning} from {column!r}" for meaning, column in done.columns.items())
    console.print(f"Read {read}; {done.interactions:,} interactions of {done.users:,} users and {done.items:,} items.")
    for reason, rows in done.set_aside.items():
        console.print(styled(("Set aside", "yellow"), f" {rows:,} rows: {reason}"))
    if done.searched is not None:
        console.print(f"The best configuration found has NDCG@10 {done.searched:.4f} on a cut inside the file.")
    console.print(f"Published as {name!r}, version {done.version}. Ask for recommendations with", highlight=False)
    console.print(
        f'curl -X POST http://127.0.0.1:{settings.port}/recommend/ -H "content-type: application/json" '
        f'-d \'{{"userid": "…", "item_to_recommend": 10, "experiment": "{name}"}}\'',
        soft_wrap=True, markup=False, highlight=False,
    )  # fmt: skip


def evaluate_system(
    console: Console, system: str, train: Path, heldout: Path, out: Path, tags: Path | None, items: int | None
) -> None:
    """Evaluate on files and print the figures with their intervals.

    Raises:
        NoSuchSystemError: another system than `artists` was asked for.
    """
    if system != "artists":
        raise NoSuchSystemError(f"{system!r} cannot be evaluated on two files; `artists` can.")
    console.print(evaluation_table(evaluate_files(train, heldout, out, tags=tags, items=items)))
    console.print(f"Recommendations are in {out}", soft_wrap=True)


def evaluation_table(done: Evaluated) -> Table:
    """Figures at 10 with their intervals, then those beyond accuracy."""
    table = Table(title=f"{done.users:,} users judged", title_justify="left")
    for heading in ("metric", "value", "95 %"):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for name in SHOWN:
        figure = done.figures[name]
        table.add_row(f"{name}@10", f"{figure.value:.4f}", f"{figure.low:.4f}-{figure.high:.4f}")
    for name, value in done.beyond.items():
        table.add_row(name, f"{value:.4f}", "")
    return table

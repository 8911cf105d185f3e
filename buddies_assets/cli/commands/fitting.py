"""Commands that fit recommenders to your own files: `fit`, `fit-playlists`."""

from pathlib import Path
from typing import Annotated

import typer

from buddies_assets.cli.console import console


def fit(
    file: Annotated[Path, typer.Argument(help="Interactions: CSV, TSV or Parquet, compressed or not.")],
    *,
    user: Annotated[str | None, typer.Option(help="Column of the user; default: recognised by its name.")] = None,
    item: Annotated[str | None, typer.Option(help="Column of the item.")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of the weight; without one every row counts 1.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of the time.")] = None,
    name: Annotated[str | None, typer.Option(help="Name to serve it under; default: the file's.")] = None,
    tags: Annotated[Path | None, typer.Option(help="File of tags of the items: item, tag and perhaps user.")] = None,
    trials: Annotated[int, typer.Option(min=0, help="Configurations a search tries first; 0: the defaults.")] = 0,
) -> None:
    """Fit a recommender to your own FILE and serve it; the same command again retrains it."""
    from buddies_assets.cli.fitting import fit_file
    from buddies_assets.sources.interactions_file import Columns

    fit_file(console, file, name, Columns(user, item, weight, time), tags, trials)


def fit_playlists() -> None:
    """Fit next track and continuation on the slices of BUDDIES_MPD_DIR and store what answers."""
    from buddies_assets.cli.sequences import fit_playlists as start
    from buddies_core.settings import Settings

    start(console, Settings())

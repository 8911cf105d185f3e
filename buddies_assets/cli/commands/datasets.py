"""Commands of stored datasets and synthetic ones: `datasets`, `show`, `export`, `synth`, `gc`."""

from pathlib import Path
from typing import Annotated

import typer

from buddies_assets.cli.console import console


def datasets() -> None:
    """List every stored dataset: rows, bytes, when, and by which run."""
    from buddies_assets.cli.tables import datasets_table

    console.print(datasets_table(_store()))


def show(name: str) -> None:
    """Show one dataset: its schema, its first rows and statistics of its columns."""
    from buddies_assets.cli.tables import show_dataset

    show_dataset(console, _store().open(name))


def export(name: str, file: Path) -> None:
    """Write one dataset to FILE (.parquet, .csv, .ndjson or .arrow, by its ending), shard by shard."""
    from buddies_assets.cli.exporting import export_dataset

    rows = export_dataset(_store(), name, file)
    console.print(f"{rows:,} rows of {name} written to {file}")


def synth(
    users: Annotated[int, typer.Option(min=2, help="Users of the world.")],
    playlists: Annotated[int, typer.Option(min=2, help="Playlists of the world.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    seed: Annotated[int | None, typer.Option(help="Seed of the world; default BUDDIES_SEED.")] = None,
) -> None:
    """Write a synthetic world in the formats of the real files: MPD slices, ENTP triplets, MSD text."""
    from buddies_assets.cli.progressing import progress_bars
    from buddies_assets.sources.synthetic.write import write_world
    from buddies_core.settings import Settings

    with progress_bars(console) as bars:
        paths = write_world(out, users, playlists, Settings().seed if seed is None else seed, bars.advance_to)
    console.print(f"Written to {out}. To run on it:")
    console.print(
        f"BUDDIES_MPD_DIR={paths.mpd} BUDDIES_ENTP_FILE={paths.triplets} BUDDIES_MSD_FILE={paths.song_data} "
        f"BUDDIES_MSD_MISMATCHES_FILE={paths.mismatches} make run",
        soft_wrap=True,
    )


def gc(delete: Annotated[bool, typer.Option("--delete", help="Remove what is listed.")] = False) -> None:
    """List what the home keeps and nothing names any more: shards, versions, checkpoints; --delete removes it."""
    from buddies_assets.cli.collecting import collect

    collect(console, delete=delete)


def _store():
    from buddies_core.settings import Settings
    from buddies_core.storage.datasets import DatasetStore

    return DatasetStore.at(Settings().home)
